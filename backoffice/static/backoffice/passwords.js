/* A button that shows a password while it is typed, and how hard a new one is to guess. What is allowed, the server
   says. */
"use strict";

document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-password] button");
    if (button) {
        const isShown = button.getAttribute("aria-pressed") === "true";
        button.setAttribute("aria-pressed", String(!isShown));
        document.getElementById(button.getAttribute("aria-controls")).type = isShown ? "password" : "text";
    }
});

// A browser remembers what was typed into a field of text.
document.addEventListener("submit", (event) => {
    for (const field of event.target.querySelectorAll("[data-password] input")) {
        field.type = "password";
    }
});

document.addEventListener("input", (event) => {
    const rating = event.target.closest("[data-password]")?.querySelector("[data-words]");
    if (rating) {
        const level = levelOf(event.target.value, Number(rating.dataset.least));
        rating.dataset.level = level < 0 ? "" : String(level);
        rating.textContent = level < 0 ? "" : rating.dataset.words.split("|")[level];
    }
});

// Who leaves the password to the new person types none: a field that does not count is not there to be filled in.
document.addEventListener("DOMContentLoaded", () => {
    const choices = document.querySelectorAll("#user_form [name=usable_password]");

    function follow() {
        const isTyped = document.querySelector("#user_form [name=usable_password]:checked")?.value !== "false";
        for (const field of document.querySelectorAll("#user_form [data-password] input")) {
            field.disabled = !isTyped;
            field.closest(".form-row").hidden = !isTyped;
        }
    }

    for (const choice of choices) choice.addEventListener("change", follow);
    if (choices.length) follow();
});

// -1 for none, 0 too short, 1 weak, 2 fair, 3 strong: bits of as many letters, each one of those that occur in it.
function levelOf(text, least) {
    if (!text) {
        return -1;
    }
    const letters = [...text];
    if (letters.length < least) {
        return 0;
    }
    const bits = letters.length * Math.log2(new Set(letters).size);
    return bits < 38 || /^\d+$/.test(text) ? 1 : bits < 56 ? 2 : 3;
}
