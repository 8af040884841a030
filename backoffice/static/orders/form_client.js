/* The client of an order: found by phone or name, shown with his history, taken over into the order's fields. */
"use strict";

(() => {
    const { config, ask, post, filled, choose, write, finder, text } = OrderForm;
    const field = document.getElementById("form-clients");
    const card = document.getElementById("form-client-card");
    if (!config?.clients || !card) {
        return;
    }
    const ADDRESS = ["postindex", "city", "street", "home", "apartment", "latitude", "longitude"];
    const PERSON = { firstname: "client_firstname", lastname: "client_lastname", inn: "client_inn", email: "client_email" };
    const select = document.getElementById("id_client");

    function input(name) {
        return document.getElementById(`id_${name}`);
    }

    function showCard(client) {
        card.innerHTML = client.card;
        card.hidden = false;
    }

    function takeAddress(address) {
        for (const name of ADDRESS) write(input(`to_${name}`), address[name]);
    }

    function takeOver(client) {
        showCard(client);
        choose(select, client.id, client.title);
        write(input("phone"), client.phone);
        for (const [name, ours] of Object.entries(PERSON)) write(input(ours), client[name]);
        const isEmpty = ["city", "street", "home"].every((name) => !input(`to_${name}`)?.value);
        if (isEmpty) takeAddress(client.address);
        return filled(config.texts.takenOver, { title: client.title });
    }

    async function read(id) {
        return (await ask(`${config.clients}${id}/`)).data;
    }

    async function find(term) {
        return (await ask(`${config.clients}?q=${encodeURIComponent(term)}`)).data;
    }

    function show(client) {
        const more = [client.company, client.place].filter(Boolean).join(" · ");
        const phone = text("span", client.phone, "finder-price");
        return [text("span", client.title, "finder-title"), phone, text("span", more, "finder-more")];
    }

    card.addEventListener("click", (event) => {
        const button = event.target.closest("[data-address]");
        if (button) takeAddress(JSON.parse(button.nextElementSibling.textContent));
    });

    if (field) {
        const { say, dismiss } = finder(field, { find, show, pick: async (client) => takeOver(await read(client.id)) });

        /* What was typed into the search is the phone or the name of the new one, where the order has none. */
        function useTyped() {
            const term = field.value.trim();
            if (term && /^[\d\s()+-]+$/.test(term)) {
                if (!input("phone").value) write(input("phone"), term);
            } else if (term && !input("client_lastname").value) {
                const [lastname, ...rest] = term.split(/\s+/);
                write(input("client_lastname"), lastname);
                if (rest.length) write(input("client_firstname"), rest.join(" "));
            }
        }

        const known = document.getElementById("form-known-clients");
        let isAsking = false;

        function button(title, act) {
            const made = text("button", title, "form-button");
            made.type = "button";
            made.addEventListener("click", act);
            return made;
        }

        /* Who has the phone already: the dispatcher says whether it is he. */
        function offer(clients) {
            const takes = clients.map((client) => {
                const title = [client.title, client.phone, client.place].filter(Boolean).join(" · ");
                return button(filled(config.texts.take, { title }), async () => {
                    known.hidden = true;
                    try {
                        say(takeOver(await read(client.id)));
                        field.value = "";
                    } catch {
                        say(config.texts.lost);
                    }
                });
            });
            known.replaceChildren(...takes, button(config.texts.nevertheless, () => make(true)));
            known.hidden = false;
            return config.texts.known;
        }

        async function make(nevertheless) {
            if (isAsking) return; // the second click of two makes no second client
            isAsking = true;
            const data = new FormData();
            data.set("phone", input("phone").value);
            for (const [name, ours] of Object.entries(PERSON)) data.set(name, input(ours).value);
            for (const name of ADDRESS) data.set(name, input(`to_${name}`).value);
            if (nevertheless) data.set("nevertheless", "1");
            known.hidden = true;
            try {
                const { ok, data: said } = await post(config.newClient, data);
                if (said.known) {
                    say(offer(said.known));
                } else {
                    say(ok ? takeOver(said) : said.problems.join(" "));
                    if (ok) field.value = "";
                }
            } catch {
                say(config.texts.lost);
            } finally {
                isAsking = false;
            }
        }

        document.getElementById("form-new-client")?.addEventListener("click", () => {
            dismiss();
            useTyped();
            make(false);
        });

        django.jQuery(select).on("select2:select", async () => {
            if (select.value) showCard(await read(select.value));
        });
    }
    if (select?.value) read(select.value).then(showCard, () => {});
})();
