/* The table of permissions: arrow keys move among the cells, changed cells are marked, leaving with changes is asked. */
"use strict";

(() => {
    const form = document.getElementById("permission-matrix");
    if (!form) {
        return;
    }
    const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const rows = [...form.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("input[type=checkbox]")]);

    form.addEventListener("keydown", (event) => {
        const step = STEPS[event.key];
        if (!step || !event.target.matches("input[type=checkbox]")) {
            return;
        }
        let line = rows.findIndex((row) => row.includes(event.target));
        let column = rows[line].indexOf(event.target);
        event.preventDefault();
        do {
            line += step[0];
            column += step[1];
        } while (rows[line]?.[column]?.disabled);
        rows[line]?.[column]?.focus();
    });

    form.addEventListener("change", ({ target }) => {
        target.toggleAttribute("data-changed", target.checked !== target.defaultChecked);
    });

    const ask = (event) => {
        if (form.querySelector("[data-changed]")) {
            event.preventDefault();
        }
    };
    window.addEventListener("beforeunload", ask);
    form.addEventListener("submit", () => window.removeEventListener("beforeunload", ask));
})();
