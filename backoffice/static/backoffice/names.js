/* Fields that are searched in as one types say their own name, which the library leaves out: "Courier", then the value. */
"use strict";

(() => {
    let count = 0;

    function name(container) {
        const label = container.previousElementSibling?.labels?.[0];
        const box = container.querySelector("[role=combobox]");
        const value = container.querySelector(".select2-selection__rendered");
        if (!label || !box || !value) {
            return;
        }
        label.id ||= `name-of-${++count}`;
        for (const attribute of ["role", "aria-readonly"]) {
            value.removeAttribute(attribute); // a field in a field, and one without a name
        }
        box.setAttribute("aria-labelledby", `${label.id} ${value.id}`);
    }

    function nameAll(root) {
        root.querySelectorAll?.(".select2-container").forEach(name);
    }

    document.addEventListener("DOMContentLoaded", () => {
        nameAll(document);
        new MutationObserver((changes) => {
            for (const { addedNodes } of changes) {
                for (const node of addedNodes) {
                    if (node.classList?.contains("select2-container")) {
                        name(node);
                    } else {
                        nameAll(node);
                    }
                }
            }
        }).observe(document.body, { childList: true, subtree: true });
    });
})();
