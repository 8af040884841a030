/* The lines of an order: goods by scanner or by name, and what they come to. The server does the sums, and the same ones
   when it saves; a sum that this page wrote is left empty when the form is sent, so that it is worked out anew there. */
"use strict";

(() => {
    const { config, ask, post, filled, choose, write, delayed, finder, text } = OrderForm;
    const form = document.getElementById("order_form");
    const group = document.getElementById("lines-group");
    if (!config || !form || !group) {
        return;
    }
    const PATIENCE = 300;
    const totals = document.getElementById("form-totals");
    const field = document.getElementById("form-goods");
    const amount = document.getElementById("id_amount_to_pay");
    let asked = 0;

    function prefixes() {
        const names = [...group.querySelectorAll("select[name$='-good']")].map((one) => one.name.slice(0, -"-good".length));
        return names.filter((name) => /^lines-\d+$/.test(name));
    }

    function input(prefix, name) {
        return document.getElementById(`id_${prefix}-${name}`);
    }

    function isDeleted(prefix) {
        return Boolean(input(prefix, "DELETE")?.checked);
    }

    function notes(prefix, className) {
        const cell = input(prefix, "good").closest("tr").querySelector("[data-line-notes]");
        const there = cell.querySelector(`.${className}`);
        if (there) return there;
        cell.append(text("div", "", className));
        return cell.lastElementChild;
    }

    // Sums

    function isOurs(one) {
        return one && one.dataset.written !== undefined && one.dataset.written === one.value;
    }

    function put(one, value) {
        if (one && value) {
            one.value = value;
            one.dataset.written = value;
        }
    }

    function leaveToTheServer() {
        for (const one of form.querySelectorAll("[data-written]")) {
            if (isOurs(one)) one.value = "";
        }
    }

    function said() {
        const data = new FormData(form);
        for (const one of form.querySelectorAll("[data-written]")) {
            if (isOurs(one)) data.set(one.name, "");
        }
        data.set("order", config.order);
        return data;
    }

    async function refresh(spread = "") {
        const mine = ++asked;
        const data = said();
        data.set("spread", spread);
        let answer;
        try {
            answer = (await post(config.sums, data)).data;
        } catch {
            totals?.classList.add("is-old");
            return;
        }
        if (mine !== asked) {
            return; // a later one is on its way
        }
        if (answer.discounts) {
            for (const [prefix, discount] of Object.entries(answer.discounts)) {
                input(prefix, "discount_total").value = discount;
            }
            await refresh();
            return;
        }
        for (const [prefix, line] of Object.entries(answer.lines)) {
            const total = input(prefix, "total");
            if (!total) continue;
            if (line.total && Number(total.value || NaN) !== Number(line.total)) put(total, line.total);
            notes(prefix, "line-sum").textContent = line.note;
            notes(prefix, "form-problem").textContent = line.problems.join(" ");
        }
        if (totals) {
            totals.innerHTML = answer.totals;
            totals.classList.remove("is-old");
        }
        if (amount) {
            if (answer.amount.follows) put(amount, answer.amount.value);
            const note = document.getElementById("form-amount-note");
            if (note) note.textContent = isOurs(amount) ? answer.amount.note : "";
        }
    }

    const later = delayed(refresh, PATIENCE);
    // What a list that loads its choices says is no event of the browser's own.
    django.jQuery(form).on("input change", (event) => {
        const name = event.target.name || "";
        if (name.startsWith("lines-") || ["amount_to_pay", "prepayment_sum", "cash"].includes(name)) later();
    });
    document.addEventListener("formset:removed", later);
    form.addEventListener("submit", leaveToTheServer);
    window.addEventListener("pageshow", (event) => event.persisted && refresh());

    // Goods

    function stockText(good) {
        const told = good.stock.map((row) => `${row.title}: ${row.count}`).join(", ");
        return told ? filled(config.texts.stock, { stock: told }) : config.texts.noStock;
    }

    function show(good) {
        const codes = [good.article, good.barcode].filter(Boolean).join(" · ");
        const price = [good.shownPrice, good.unit && `/ ${good.unit}`].filter(Boolean).join(" ");
        return [
            text("span", good.title, "finder-title"),
            text("span", price, "finder-price"),
            text("span", [codes, stockText(good)].filter(Boolean).join(" · "), "finder-more"),
        ];
    }

    function add() {
        const before = new Set(prefixes());
        group.querySelector("a.add-row").click();
        return prefixes().find((prefix) => !before.has(prefix));
    }

    function pick(good, found) {
        const there = prefixes().filter((prefix) => !isDeleted(prefix));
        if (found.mark && there.some((prefix) => input(prefix, "mark_value").value === found.mark)) {
            return config.texts.twice;
        }
        const same = there.find((one) => input(one, "good").value === String(good.id) && !input(one, "mark_value").value);
        if (same && !found.mark) {
            const count = String(Number(((Number(input(same, "count").value) || 0) + 1).toFixed(3)));
            write(input(same, "count"), count);
            notes(same, "line-stock").textContent = stockText(good);
            return filled(config.texts.counted, { title: good.title, count });
        }
        const prefix = add();
        choose(input(prefix, "good"), good.id, good.title);
        if (good.tax) choose(input(prefix, "tax"), good.tax.id, good.tax.title);
        write(input(prefix, "price"), good.price);
        write(input(prefix, "unit"), good.unit);
        write(input(prefix, "mark_value"), found.mark);
        notes(prefix, "line-stock").textContent = stockText(good);
        later();
        return filled(config.texts.added, { title: good.title });
    }

    async function find(term) {
        return (await ask(`${config.goods}?q=${encodeURIComponent(term)}`)).data;
    }

    if (field) finder(field, { find, show, pick });

    const spread = document.getElementById("form-spread");
    if (spread) {
        const apply = () => spread.value.trim() && refresh(spread.value);
        document.getElementById("form-spread-apply").addEventListener("click", apply);
        spread.addEventListener("input", (event) => event.stopPropagation());
        spread.addEventListener("keydown", (event) => {
            if (event.key === "Enter") {
                event.preventDefault();
                apply();
            }
        });
    }
    refresh();
})();
