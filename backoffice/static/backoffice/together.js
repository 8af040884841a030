/* An open form says that it is open, hears who else has it open, and what others saved meanwhile. Where its session has
   ended it says so, keeps what was typed, and can be saved once somebody has signed in again. */
"use strict";

(() => {
    const bar = document.getElementById("together");
    const form = bar?.closest("form");
    if (!bar || !form) {
        return;
    }
    const FRESH = 5000; // milliseconds after an answer, in which a session hardly ends
    const name = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    let stamp = bar.dataset.stamp;
    let told = [];
    let shown = "";
    let isOut = false;
    let heard = 0; // when the server answered last
    let isAsking = false; // before a save

    class SignedOut extends Error {}

    function body(fields) {
        const data = new FormData();
        data.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
        data.append("window", name);
        for (const [key, value] of Object.entries(fields)) {
            data.append(key, value);
        }
        return data;
    }

    async function send(options) {
        const answer = await fetch(bar.dataset.url, { credentials: "same-origin", ...options });
        if (answer.redirected || answer.status === 401) {
            throw new SignedOut();
        }
        return answer;
    }

    /* Signing in changes the token without which nothing is saved. */
    async function renew() {
        const answer = await send({});
        if (!answer.ok) {
            throw new Error(answer.status);
        }
        const { token } = await answer.json();
        for (const input of document.querySelectorAll("[name=csrfmiddlewaretoken]")) {
            input.value = token;
        }
        isOut = false;
    }

    async function ask(fields) {
        if (isOut) {
            await renew();
        }
        let answer = await send({ method: "POST", body: body(fields) });
        if (answer.status === 403) {
            await renew(); // signed in again in another window
            answer = await send({ method: "POST", body: body(fields) });
        }
        if (!answer.ok) {
            throw new Error(answer.status);
        }
        return answer.json();
    }

    /* What each row of the form was loaded with: the server compares it with what there is now. */
    function loaded() {
        const fields = { look: "1" };
        for (const input of form.querySelectorAll("input[type=hidden][name]")) {
            if (input.name !== "csrfmiddlewaretoken") {
                fields[input.name] = input.value;
            }
        }
        return fields;
    }

    function show(texts, list) {
        const all = JSON.stringify([texts, list]);
        if (all === shown) {
            return; // said already: a reader would hear it again
        }
        shown = all;
        bar.replaceChildren();
        for (const text of texts) {
            const line = document.createElement("p");
            line.textContent = text;
            bar.append(line);
        }
        if (list.length) {
            const items = document.createElement("ul");
            for (const text of list) {
                const item = document.createElement("li");
                item.textContent = text;
                items.append(item);
            }
            const note = document.createElement("p");
            note.textContent = bar.dataset.saved;
            bar.append(items, note);
        }
        bar.hidden = !bar.childElementCount;
    }

    function showSignedOut() {
        isOut = true;
        show([bar.dataset.out], told);
        if (!bar.querySelector("a")) {
            const link = document.createElement("a");
            Object.assign(link, { href: bar.dataset.login, target: "_blank", textContent: bar.dataset.signIn });
            bar.firstElementChild.append(" ", link);
        }
    }

    async function beat() {
        try {
            let said = await ask({});
            if (said.stamp !== stamp) {
                said = await ask(loaded());
                stamp = said.stamp;
                told = said.told;
            }
            heard = Date.now();
            show(said.others, told);
        } catch (error) {
            if (error instanceof SignedOut) {
                showSignedOut();
            } else {
                show([bar.dataset.lost], told);
            }
        }
    }

    /* Sent now, the form would be answered with a page for signing in, and be lost. */
    form.addEventListener("submit", async (event) => {
        // A window that lay in the background, or on a machine that slept, may have heard nothing for long.
        if (!isOut && Date.now() - heard < FRESH) {
            return;
        }
        event.preventDefault();
        event.stopImmediatePropagation();
        if (isAsking) {
            return;
        }
        isAsking = true;
        await beat();
        isAsking = false;
        if (isOut) {
            bar.scrollIntoView({ block: "center" });
        } else {
            heard = Date.now(); // who cannot be reached says so himself when it is sent
            form.requestSubmit(event.submitter);
        }
    }, true);

    window.addEventListener("pagehide", () => navigator.sendBeacon(bar.dataset.url, body({ leave: "1" })));
    window.addEventListener("pageshow", (event) => event.persisted && beat());
    window.setInterval(beat, Number(bar.dataset.every) * 1000);
    beat();
})();
