/* The order desk: rows that change by themselves, the courier changed in the row, a card beside the list. */
"use strict";

(() => {
    const EVERY = 15000; // milliseconds between two looks at what has changed
    const MARKED = 4000; // milliseconds for which a changed row stays marked

    // The page of an action: a browser that shows it as the answer to a form leaves `autofocus` alone.
    document.querySelector("form [autofocus]")?.focus();

    const status = document.getElementById("desk-status");
    const card = document.getElementById("desk-card");
    if (!status || !card) {
        return;
    }
    let opener = null;
    let asked = 0;

    function say(text, button) {
        status.textContent = text;
        status.hidden = !text;
        if (button) {
            const element = document.createElement("button");
            element.type = "button";
            element.textContent = status.dataset.reload;
            element.addEventListener("click", () => window.location.reload());
            status.append(element);
        }
    }

    /* The rows of a list by the key of their order. */
    function rowsOf(root) {
        const found = new Map();
        for (const box of root.querySelectorAll("#result_list input.action-select")) {
            found.set(box.value, box.closest("tr"));
        }
        return found;
    }

    /* What a row says, without what a person does with it. */
    function cellsOf(row) {
        return [...row.children].filter((cell) => !cell.querySelector("input.action-select"));
    }

    /* The courier that stands in a field is an attribute: what is being typed does not count as the row's. */
    function plain(cell) {
        const copy = cell.cloneNode(true);
        copy.querySelectorAll(".desk-peek").forEach((button) => button.remove());
        return copy.innerHTML.trim();
    }

    async function look() {
        const mine = ++asked;
        let page;
        try {
            const answer = await fetch(window.location.href, { credentials: "same-origin" });
            if (!answer.ok || answer.redirected) {
                throw new Error(answer.status);
            }
            page = new DOMParser().parseFromString(await answer.text(), "text/html");
        } catch {
            say(status.dataset.lost, false);
            return;
        }
        if (mine !== asked) {
            return; // a later look has its answer already
        }
        const before = rowsOf(document);
        const after = rowsOf(page);
        const isSame = before.size === after.size && [...after.keys()].every((key) => before.has(key));
        say(isSame ? "" : status.dataset.new, !isSame);
        const typed = document.activeElement?.closest(".desk-courier")?.closest("tr"); // somebody writes here
        for (const [key, row] of after) {
            if (before.has(key) && before.get(key) !== typed) {
                renew(before.get(key), row);
            }
        }
    }

    /* Cells whose text differs are replaced; the box that selects the row stays as it is. */
    function renew(row, fresh) {
        const [ours, theirs] = [cellsOf(row), cellsOf(fresh)];
        let changed = false;
        ours.forEach((cell, index) => {
            if (theirs[index] && plain(cell) !== plain(theirs[index])) {
                cell.innerHTML = theirs[index].innerHTML;
                changed = true;
            }
        });
        if (changed) {
            decorate(row);
            row.classList.add("is-changed");
            window.setTimeout(() => row.classList.remove("is-changed"), MARKED);
        }
    }

    // The courier in the row

    /* The courier of this name, or the only one with a word that begins so; it then stands in the field. */
    function courierIn(field) {
        const name = field.value.trim().toLowerCase();
        const options = [...document.querySelectorAll("#desk-couriers option")];
        const begun = options.filter((one) => name && ` ${one.value.toLowerCase()}`.includes(` ${name}`));
        const option = begun.find((one) => one.value.toLowerCase() === name) ?? (begun.length === 1 ? begun[0] : null);
        field.setAttribute("aria-invalid", String(!option));
        if (option) {
            field.value = option.value;
        } else {
            say(begun.length ? status.dataset.several : status.dataset.unknown, false);
        }
        return option;
    }

    async function assign(field) {
        if (field.value.trim() === field.defaultValue.trim()) {
            return;
        }
        const option = courierIn(field);
        if (!option) {
            return;
        }
        const name = option.value;
        const body = new FormData();
        body.append("courier", option.dataset.id);
        body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
        try {
            const answer = await fetch(field.dataset.url, { method: "POST", body, credentials: "same-origin" });
            const said = await answer.json();
            field.setAttribute("aria-invalid", String(!said.done));
            if (said.done) {
                field.defaultValue = name;
            }
            field.blur();
            await look();
            say(said.text, false);
        } catch {
            field.setAttribute("aria-invalid", "true");
            say(status.dataset.lost, false);
        }
    }

    document.addEventListener("change", (event) => {
        if (event.target.matches(".desk-courier")) {
            assign(event.target);
        }
    });

    // The courier of all that is selected: the action of the list with its page filled in already. Where more is meant
    // than the page shows, that page asks.

    const giving = document.getElementById("desk-giving");
    const actions = document.querySelector("#changelist-actions select[name=action]");
    if (giving && actions?.querySelector("option[value=assign_courier]")) {
        actions.parentElement.after(giving.content.cloneNode(true));
        document.getElementById("desk-give").addEventListener("keydown", (event) => {
            if (event.key === "Enter") {
                event.preventDefault();
                giveSelected(event.target);
            }
        });
    }

    function giveSelected(field) {
        const option = courierIn(field);
        if (!option) {
            return;
        }
        const form = actions.form;
        actions.value = "assign_courier";
        const values = { courier: option.dataset.id };
        if (form.querySelector("input.select-across")?.value !== "1") {
            values.confirm = "1";
        }
        for (const [name, value] of Object.entries(values)) {
            const hidden = document.createElement("input");
            Object.assign(hidden, { type: "hidden", name, value });
            form.append(hidden);
        }
        form.submit();
    }

    document.addEventListener("keydown", (event) => {
        if (event.target.matches?.(".desk-courier")) {
            if (event.key === "Enter") {
                event.preventDefault(); // it would submit the whole list
                assign(event.target);
            } else if (event.key === "Escape") {
                event.target.value = event.target.defaultValue;
                event.target.blur();
            }
            return;
        }
        if (event.key === "Escape" && !card.hidden) {
            close();
        }
    });

    // The card

    function decorate(row) {
        const link = row.querySelector("th a[href*='/change/'], td a[href*='/change/']");
        if (!link || row.querySelector(".desk-peek")) {
            return;
        }
        const button = document.createElement("button");
        button.type = "button";
        button.className = "desk-peek";
        button.textContent = "▸";
        button.setAttribute("aria-label", `${card.getAttribute("aria-label")} ${link.textContent.trim()}`);
        button.addEventListener("click", () => open(link.getAttribute("href"), button));
        link.before(button);
    }

    async function open(address, button) {
        const url = new URL(address.replace("/change/", "/card/"), window.location.href);
        try {
            const answer = await fetch(url.pathname, { credentials: "same-origin" });
            if (!answer.ok || answer.redirected) {
                throw new Error(answer.status);
            }
            card.innerHTML = await answer.text();
        } catch {
            say(status.dataset.lost, false);
            return;
        }
        const closing = document.createElement("button");
        closing.type = "button";
        closing.className = "desk-close";
        closing.textContent = "×";
        closing.setAttribute("aria-label", card.dataset.close);
        closing.addEventListener("click", close);
        card.prepend(closing);
        card.hidden = false;
        opener = button;
        closing.focus();
    }

    function close() {
        card.hidden = true;
        card.replaceChildren();
        opener?.focus();
    }

    rowsOf(document).forEach(decorate);
    window.setInterval(() => document.visibilityState === "visible" && look(), EVERY);
})();
