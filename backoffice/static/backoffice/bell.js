/* The bell: asks for its count once a minute while the page is looked at, and for its panel when it is opened. */
"use strict";

(() => {
    const EVERY = 60000; // milliseconds

    const bell = document.getElementById("bell");
    if (!bell) {
        return;
    }
    const opener = bell.querySelector(".bell-opener");
    const badge = bell.querySelector(".bell-count");
    const status = bell.querySelector("[role=status]");
    const panel = document.getElementById("bell-panel");
    const name = opener.getAttribute("aria-label");
    const kept = `bell-${bell.dataset.user}-${document.documentElement.lang}`;
    let known = null;
    let timer = null;
    let isSignedOut = false;

    /* What was told last, so that the next page does not begin without a count. */
    function remember(told) {
        try {
            if (told) {
                sessionStorage.setItem(kept, JSON.stringify(told));
            }
            return told || JSON.parse(sessionStorage.getItem(kept));
        } catch {
            return told || null; // a browser that keeps nothing
        }
    }

    function show(told) {
        badge.hidden = !told.count;
        badge.textContent = told.count > 99 ? "99+" : String(told.count);
        bell.classList.toggle("bell-rings-gravely", told.isGrave);
        opener.setAttribute("aria-label", told.count ? `${name}: ${told.text}` : name);
        if (known && told.count && told.newest > known.newest) {
            status.textContent = told.text;
        }
        known = told;
    }

    async function look() {
        if (document.hidden || isSignedOut) {
            return;
        }
        try {
            const answer = await fetch(bell.dataset.count, { credentials: "same-origin", cache: "no-cache" });
            if (answer.status === 204) {
                isSignedOut = true; // the next page asks to sign in
                clearInterval(timer);
            } else if (answer.ok) {
                show(remember(await answer.json()));
            }
        } catch {
            // the server is not there for the moment: the next look tells
        }
    }

    async function fill(request) {
        try {
            const answer = await request;
            if (!answer.ok || answer.redirected) {
                throw new Error(answer.status);
            }
            panel.innerHTML = await answer.text();
        } catch {
            panel.textContent = bell.dataset.lost;
        }
    }

    async function open() {
        panel.hidden = false;
        opener.setAttribute("aria-expanded", "true");
        await fill(fetch(bell.dataset.panel, { credentials: "same-origin" }));
        panel.querySelector("#bell-title")?.focus();
    }

    function close() {
        if (!panel.hidden) {
            const isInside = panel.contains(document.activeElement);
            panel.hidden = true;
            panel.replaceChildren();
            opener.setAttribute("aria-expanded", "false");
            if (isInside) {
                opener.focus();
            }
        }
    }

    opener.addEventListener("click", () => (panel.hidden ? open() : close()));
    bell.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && !panel.hidden) {
            event.stopPropagation();
            opener.focus();
            close();
        }
    });
    document.addEventListener("click", (event) => {
        if (!bell.contains(event.target) && event.target.isConnected) {
            close();
        }
    });
    bell.addEventListener("focusout", (event) => {
        if (event.relatedTarget && !bell.contains(event.relatedTarget)) {
            close();
        }
    });
    panel.addEventListener("submit", async (event) => {
        event.preventDefault();
        const form = event.target;
        const place = [...panel.querySelectorAll(".bell-item form")].indexOf(form);
        const headers = { "X-Bell": "1" };
        panel.querySelector("#bell-title")?.focus(); // what is replaced must not take the focus away with it
        await fill(fetch(form.action, { method: "POST", body: new FormData(form), headers, credentials: "same-origin" }));
        const next = place < 0 ? null : panel.querySelectorAll(".bell-item form button")[place];
        (next || panel.querySelector("#bell-title"))?.focus();
        look();
    });
    document.addEventListener("visibilitychange", look);

    const before = remember(null);
    if (before) {
        show(before);
    }
    look();
    timer = setInterval(look, EVERY);
})();
