/* A button that copies the text beside it. Without HTTPS there is no clipboard: then the text is selected, to be copied
   by hand, and the button says so. */
"use strict";

document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy] button");
    if (!button) {
        return;
    }
    const [field, status] = button.closest("[data-copy]").querySelectorAll("input, [role=status]");
    field.select();
    try {
        await navigator.clipboard.writeText(field.value);
        status.textContent = status.dataset.copied;
    } catch {
        status.textContent = status.dataset.selected;
    }
});
