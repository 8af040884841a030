/* What the parts of an order's form share: its settings, requests, and a field that finds things while one types. */
"use strict";

const OrderForm = (() => {
    const element = document.getElementById("form-config");
    const config = element ? JSON.parse(element.textContent) : null;
    const PATIENCE = 150; // milliseconds without a key, until one asks

    async function ask(url, options) {
        const headers = { Accept: "application/json" };
        const answer = await fetch(url, { credentials: "same-origin", headers, ...options });
        if (answer.redirected || !(answer.headers.get("Content-Type") || "").includes("json")) {
            throw new Error(answer.status);
        }
        return { ok: answer.ok, data: await answer.json() };
    }

    function post(url, body) {
        body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
        return ask(url, { method: "POST", body });
    }

    function filled(text, values) {
        return text.replace(/{(\w+)}/g, (_, name) => values[name]);
    }

    /* Chooses in a list that loads its choices while one types. */
    function choose(select, id, title) {
        if (![...select.options].some((option) => option.value === String(id))) {
            select.append(new Option(title, id));
        }
        select.value = String(id);
        django.jQuery(select).trigger("change");
    }

    function write(field, value) {
        if (field && field.value !== value) {
            field.value = value;
            field.dispatchEvent(new Event("input", { bubbles: true }));
            field.dispatchEvent(new Event("change", { bubbles: true }));
        }
    }

    function delayed(act, milliseconds) {
        let timer = 0;
        return () => {
            window.clearTimeout(timer);
            timer = window.setTimeout(act, milliseconds);
        };
    }

    /* A combobox. `find(term)` promises {results, exact}; `show(item)` makes what an option says; `pick(item, answer)`
       takes one. Enter takes the chosen one, or the only one; a scanner is done before any answer, so each Enter is
       answered after the one before, and the field is free at once. */
    function finder(field, { find, show, pick, keeps = false }) {
        const list = document.getElementById(field.getAttribute("aria-controls"));
        const status = document.getElementById(field.dataset.status);
        let answer = { results: [] };
        let chosen = -1;
        let asked = 0;
        let isOver = false; // what was typed was used otherwise, and is looked for no more
        let queue = Promise.resolve();

        function say(text) {
            status.textContent = text;
        }

        function close() {
            list.replaceChildren();
            list.hidden = true;
            chosen = -1;
            field.setAttribute("aria-expanded", "false");
            field.removeAttribute("aria-activedescendant");
        }

        function mark(index) {
            chosen = index;
            [...list.children].forEach((option, nth) => option.setAttribute("aria-selected", String(nth === index)));
            const option = list.children[index];
            if (option) {
                field.setAttribute("aria-activedescendant", option.id);
                option.scrollIntoView({ block: "nearest" });
            }
        }

        function open(found) {
            answer = found;
            close();
            found.results.forEach((item, index) => {
                const option = document.createElement("li");
                option.id = `${list.id}-${index}`;
                option.setAttribute("role", "option");
                option.setAttribute("aria-selected", "false");
                option.append(...show(item));
                option.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
                option.addEventListener("click", () => take(item));
                list.append(option);
            });
            list.hidden = !found.results.length;
            field.setAttribute("aria-expanded", String(!list.hidden));
        }

        async function take(item) {
            const from = answer;
            asked++;
            close();
            if (!keeps) field.value = "";
            try {
                say((await pick(item, from)) || "");
            } catch {
                say(config.texts.lost);
            }
        }

        async function look() {
            const term = field.value.trim();
            const mine = ++asked;
            if (!term || isOver) {
                close();
                return;
            }
            try {
                const found = await find(term);
                if (mine === asked) {
                    open(found);
                    say(found.results.length ? "" : config.texts.nothing);
                }
            } catch {
                say(config.texts.lost);
            }
        }

        async function enter(term) {
            try {
                const found = await find(term);
                if (found.exact || found.results.length === 1) {
                    say((await pick(found.results[0], found)) || "");
                } else if (!field.value) {
                    field.value = term;
                    open(found);
                    mark(0);
                    say(found.results.length ? "" : config.texts.nothing);
                }
            } catch {
                field.value ||= term;
                say(config.texts.lost);
            }
        }

        const later = delayed(look, PATIENCE);
        field.addEventListener("input", (event) => {
            event.stopPropagation(); // it is no field of the order
            isOver = false;
            later();
        });
        field.addEventListener("blur", () => window.setTimeout(close, PATIENCE));
        field.addEventListener("keydown", (event) => {
            const last = list.children.length - 1;
            if (event.key === "Enter") {
                event.preventDefault(); // it would send the whole form
                const term = field.value.trim();
                if (chosen >= 0) {
                    take(answer.results[chosen]);
                } else if (term) {
                    asked++;
                    close();
                    field.value = "";
                    queue = queue.then(() => enter(term));
                }
            } else if (event.key === "ArrowDown" && last >= 0) {
                event.preventDefault();
                mark(chosen < last ? chosen + 1 : 0);
            } else if (event.key === "ArrowUp" && last >= 0) {
                event.preventDefault();
                mark(chosen > 0 ? chosen - 1 : last);
            } else if (event.key === "Escape") {
                close();
            }
        });
        function dismiss() {
            isOver = true;
            asked++;
            close();
        }

        return { say, dismiss };
    }

    function text(tag, value, className = "") {
        const made = document.createElement(tag);
        made.textContent = value;
        made.className = className;
        return made;
    }

    return { config, ask, post, filled, choose, write, delayed, finder, text };
})();
