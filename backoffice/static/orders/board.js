/* The board: cards dragged or sent by keyboard to a courier, and a look at what changed that disturbs neither. */
"use strict";

(() => {
    const EVERY = 15000; // milliseconds between two looks at what has changed

    const board = document.getElementById("board");
    const status = document.getElementById("board-status");
    const undo = document.getElementById("board-undo");
    if (!board || !status) {
        return;
    }
    const dialog = document.getElementById("board-dialog"); // only for who may move
    const form = dialog?.querySelector("form");
    const give = document.getElementById("board-give");
    const clear = document.getElementById("board-clear");
    const picked = new Set();
    let dragged = null; // the orders in the air
    let moving = []; // the orders that the dialog asks about
    let current = null; // the order whose card the Tab key reaches
    let drawn = board.innerHTML;
    let asked = 0;

    const cardOf = (order) => board.querySelector(`.board-card[data-order="${order}"]`);
    const pickOf = (card) => card?.querySelector(".board-pick");
    const zoneOf = (element) => element?.closest(".board-zone");
    const zones = () => [...board.querySelectorAll(".board-zone")];
    const picksIn = (root) => [...root.querySelectorAll(".board-pick")].filter((pick) => pick.checkVisibility());

    function say(text, address) {
        status.textContent = text;
        undo.hidden = !address;
        undo.dataset.url = address || "";
    }

    // What a person chose stays through every new drawing

    function decorate() {
        const there = new Set();
        for (const pick of board.querySelectorAll(".board-pick")) {
            there.add(pick.value);
            pick.checked = picked.has(pick.value);
            pick.closest(".board-card").classList.toggle("is-picked", pick.checked);
            pick.tabIndex = -1;
        }
        for (const order of picked) {
            if (!there.has(order)) {
                picked.delete(order); // closed or moved to another day: it can be moved no more
            }
        }
        const entry = pickOf(cardOf(current)) || picksIn(board)[0];
        if (entry) {
            entry.tabIndex = 0;
        }
        if (give) {
            give.disabled = clear.disabled = !picked.size;
            document.getElementById("board-count").textContent = picked.size ? `(${picked.size})` : "";
        }
    }

    function draw(html) {
        if (html === drawn) {
            return;
        }
        const opened = new Set([...board.querySelectorAll(".board-done[open]")].map((done) => done.dataset.key));
        const scrolled = new Map(zones().map((zone) => [zone.dataset.courier, zone.scrollTop]));
        const across = board.querySelector(".board-columns, .board-hours")?.scrollLeft ?? 0;
        const focused = board.contains(document.activeElement) ? document.activeElement.closest(".board-card")?.dataset.order : null;
        board.innerHTML = drawn = html;
        for (const done of board.querySelectorAll(".board-done")) {
            done.open = opened.has(done.dataset.key);
        }
        for (const zone of zones()) {
            zone.scrollTop = scrolled.get(zone.dataset.courier) ?? 0;
        }
        const frame = board.querySelector(".board-columns, .board-hours");
        if (frame) {
            frame.scrollLeft = across;
        }
        decorate();
        if (focused) {
            pickOf(cardOf(focused))?.focus({ preventScroll: true });
        }
    }

    async function look() {
        const mine = ++asked;
        const address = new URL(window.location.href);
        address.searchParams.set("part", "1");
        try {
            const answer = await fetch(address, { credentials: "same-origin" });
            if (!answer.ok || answer.redirected) {
                throw new Error(answer.status);
            }
            const fresh = document.createElement("template");
            fresh.innerHTML = await answer.text();
            if (mine === asked && !dragged) {
                draw(fresh.innerHTML);
            }
        } catch {
            say(status.dataset.lost, "");
        }
    }

    // Moving

    async function post(address, fields) {
        const data = new FormData(form);
        for (const [name, value] of fields) {
            data.append(name, value);
        }
        try {
            const answer = await fetch(address, { method: "POST", body: data, credentials: "same-origin" });
            const said = await answer.json();
            for (const order of said.moved) {
                picked.delete(String(order));
            }
            await look();
            decorate();
            say(said.text, said.undo);
        } catch {
            say(status.dataset.lost, "");
        }
    }

    function move(orders, courier) {
        return post(form.dataset.move, [...orders.map((order) => ["orders", order]), ["courier", courier]]);
    }

    /* What a command on a card means: all that is selected, or else the card. */
    function meant(order) {
        return picked.size ? [...picked] : [order];
    }

    function ask(orders) {
        moving = orders;
        document.getElementById("board-named").textContent = orders
            .map((order) => cardOf(order)?.querySelector("b").textContent ?? order)
            .join(", ");
        dialog.returnValue = "";
        dialog.showModal();
        document.getElementById("board-courier").focus();
    }

    dialog?.addEventListener("close", () => {
        if (dialog.returnValue === "give") {
            move(moving, document.getElementById("board-courier").value);
        }
        pickOf(cardOf(moving[0]))?.focus();
    });
    give?.addEventListener("click", () => ask([...picked]));
    clear?.addEventListener("click", drop);
    undo.addEventListener("click", () => post(undo.dataset.url, []));

    function drop() {
        picked.clear();
        decorate();
        say(status.dataset.picked.replace("{count}", 0), "");
    }

    // By keyboard

    function go(pick) {
        if (pick) {
            current = pick.value;
            decorate();
            pick.focus();
        }
    }

    /* The zone beside this one; `filled` leaves out those without cards. */
    function beside(zone, step, filled) {
        const all = zones().filter((one) => one === zone || !filled || picksIn(one).length);
        return all[all.indexOf(zone) + step];
    }

    board.addEventListener("keydown", (event) => {
        const pick = event.target.closest(".board-pick");
        if (!pick || event.ctrlKey || event.altKey || event.metaKey) {
            return;
        }
        const zone = zoneOf(pick);
        const isAcross = board.querySelector(".board-hours") === null;
        const [next, other] = isAcross ? [["ArrowUp", "ArrowDown"], ["ArrowLeft", "ArrowRight"]] : [["ArrowLeft", "ArrowRight"], ["ArrowUp", "ArrowDown"]];
        const own = picksIn(zone);
        if (event.shiftKey && other.concat(["ArrowLeft", "ArrowRight"]).includes(event.key)) {
            const target = beside(zone, ["ArrowLeft", "ArrowUp"].includes(event.key) ? -1 : 1, false);
            if (target) {
                current = pick.value;
                move(meant(pick.value), target.dataset.courier);
            }
        } else if (event.shiftKey) {
            return;
        } else if (next.includes(event.key)) {
            go(own[own.indexOf(pick) + (event.key === next[0] ? -1 : 1)]);
        } else if (other.includes(event.key)) {
            const cards = picksIn(beside(zone, event.key === other[0] ? -1 : 1, true) ?? zone);
            go(cards.includes(pick) ? null : cards[Math.min(own.indexOf(pick), cards.length - 1)]);
        } else if (event.key === "Enter") {
            ask(meant(pick.value));
        } else if (event.key === "Escape" && picked.size) {
            drop();
        } else {
            return;
        }
        event.preventDefault();
    });

    board.addEventListener("focusin", (event) => {
        const pick = event.target.closest(".board-pick");
        if (pick && pick.value !== current) {
            current = pick.value;
            decorate();
        }
    });

    board.addEventListener("change", (event) => {
        if (event.target.matches(".board-pick")) {
            event.target.checked ? picked.add(event.target.value) : picked.delete(event.target.value);
            decorate();
            say(status.dataset.picked.replace("{count}", picked.size), "");
        }
    });

    // By mouse

    board.addEventListener("dragstart", (event) => {
        const card = event.target.closest?.(".board-card[draggable]");
        if (!card || !form) {
            return;
        }
        const order = card.dataset.order;
        dragged = picked.has(order) ? [...picked] : [order];
        dragged.forEach((one) => cardOf(one)?.classList.add("is-dragged"));
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", dragged.join(","));
    });

    function mark(zone) {
        zones().forEach((one) => one.classList.toggle("is-target", one === zone));
    }

    board.addEventListener("dragover", (event) => {
        const zone = dragged && zoneOf(event.target);
        if (zone) {
            event.preventDefault();
            mark(zone);
        }
    });

    board.addEventListener("drop", (event) => {
        const zone = dragged && zoneOf(event.target);
        if (zone) {
            event.preventDefault();
            const orders = dragged;
            settle();
            if (orders.some((order) => zoneOf(cardOf(order)) !== zone)) {
                move(orders, zone.dataset.courier);
            }
        }
    });

    function settle() {
        dragged?.forEach((one) => cardOf(one)?.classList.remove("is-dragged"));
        dragged = null;
        mark(null);
    }

    board.addEventListener("dragend", () => {
        settle();
        look(); // what was not drawn meanwhile
    });

    decorate();
    window.setInterval(() => document.visibilityState === "visible" && !dragged && look(), EVERY);
})();
