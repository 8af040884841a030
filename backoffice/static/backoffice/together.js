/* An open form says that it is open, hears who else has it open, and what others saved meanwhile. */
"use strict";

(() => {
    const bar = document.getElementById("together");
    const form = bar?.closest("form");
    if (!bar || !form) {
        return;
    }
    const name = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    let stamp = bar.dataset.stamp;
    let told = [];
    let shown = "";

    function body(fields) {
        const data = new FormData();
        data.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
        data.append("window", name);
        for (const [key, value] of Object.entries(fields)) {
            data.append(key, value);
        }
        return data;
    }

    async function ask(fields) {
        const answer = await fetch(bar.dataset.url, { method: "POST", body: body(fields), credentials: "same-origin" });
        if (!answer.ok || answer.redirected) {
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

    async function beat() {
        try {
            let said = await ask({});
            if (said.stamp !== stamp) {
                said = await ask(loaded());
                stamp = said.stamp;
                told = said.told;
            }
            show(said.others, told);
        } catch {
            show([bar.dataset.lost], told);
        }
    }

    window.addEventListener("pagehide", () => navigator.sendBeacon(bar.dataset.url, body({ leave: "1" })));
    window.addEventListener("pageshow", (event) => event.persisted && beat());
    window.setInterval(beat, Number(bar.dataset.every) * 1000);
    beat();
})();
