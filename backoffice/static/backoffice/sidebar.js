/* The search above the sidebar by keyboard: Enter opens the first that was found, the arrows go through them. The
   library looks for list items, which its results do not have, and fails on the key. */
"use strict";

document.addEventListener(
    "keydown",
    (event) => {
        const field = document.getElementById("nav-filter");
        const results = document.getElementById("search-results");
        if (!field || !results || !(event.target === field || results.contains(event.target))) {
            return;
        }
        const links = [...results.querySelectorAll("a")];
        const at = links.indexOf(document.activeElement); // -1: in the field
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step) {
            (links[at + step] ?? (at + step < 0 ? field : links[at]))?.focus();
        } else if (event.key === "Enter" && at < 0) {
            links[0]?.click();
        } else {
            return;
        }
        event.preventDefault();
        event.stopImmediatePropagation();
    },
    true, // before the library's own
);
