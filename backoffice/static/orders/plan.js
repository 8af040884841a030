/* A route plan: its routes on a map and by the hour, and orders moved by hand; the server computes all times. */
"use strict";

(() => {
    const PATIENCE = 20000;
    const config = CourierMap.read("map-config");
    const map = CourierMap.create(document.getElementById("map"), config);
    const mayChange = Boolean(document.getElementById("plan-version"));
    const told = document.getElementById("plan-told");
    const lanes = document.getElementById("plan-lanes");
    const left = document.getElementById("plan-left");
    const dialog = document.getElementById("plan-move");
    const drawn = L.layerGroup().addTo(map);
    let plan = CourierMap.read("plan-data");
    let dragged = null;
    let asked = null; // the order that the dialog is about

    const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_whole, name) => values[name]);
    // The golden angle keeps neighbours apart, however many couriers there are.
    const colour = (index) => `hsl(${Math.round((index * 137.5 + 260) % 360)} 65% 42%)`;

    function make(tag, className, text) {
        const made = document.createElement(tag);
        if (className) made.className = className;
        if (text !== undefined) made.textContent = text;
        return made;
    }

    function say(text) {
        told.textContent = text;
        told.hidden = !text;
    }

    function show() {
        showSums();
        showMap();
        showLanes();
        showLeft();
        const version = document.getElementById("plan-version");
        if (version) version.value = plan.version;
    }

    function showSums() {
        for (const row of document.querySelectorAll("[data-sums]")) {
            const sums = plan.sums[row.dataset.sums];
            row.querySelectorAll("td").forEach((cell) => cell.remove());
            for (const name of ["couriers", "orders", "km", "each", "hours", "late", "nobody"]) {
                const isBad = (name === "late" || name === "nobody") && sums[name] > 0;
                row.append(make("td", isBad ? "plan-bad" : "", sums[name]));
            }
        }
        document.getElementById("plan-saves").textContent = plan.saves;
    }

    // The map

    function showMap() {
        drawn.clearLayers();
        plan.couriers.forEach((courier, index) => {
            if (!courier.stops.length) return;
            const way = [courier.place, ...courier.stops.map((stop) => stop.place)];
            L.polyline(way, { color: colour(index), weight: 4, opacity: 0.75, className: `plan-way plan-of-${courier.id}` })
                .bindTooltip(CourierMap.text(courier.name), { sticky: true })
                .addTo(drawn);
            pin(courier.place, "★", index, courier, `${courier.name} · ${courier.start}`);
            courier.stops.forEach((stop, nth) => {
                const late = stop.late ? ` · ${fill(config.texts.late, { minutes: stop.late })}` : "";
                pin(stop.place, nth + 1, index, courier, `${courier.name} · ${stop.at} · ${stop.number} · ${stop.address}${late}`, stop);
            });
        });
        for (const order of plan.left.filter((one) => one.place)) {
            pin(order.place, "?", -1, null, `${order.number} · ${order.reason}`, order);
        }
    }

    function pin(place, label, index, courier, words, order) {
        const element = make("span", `plan-pin${order?.late ? " plan-pin-late" : ""}`, label);
        if (index >= 0) element.style.background = colour(index);
        const icon = L.divIcon({ html: element, className: courier ? `plan-of-${courier.id}` : "", iconSize: [22, 22] });
        const marker = L.marker(place, { icon, keyboard: false, riseOnHover: true });
        marker.bindTooltip(CourierMap.text(words), { direction: "top" });
        if (order) marker.on("click", () => open(order.id));
        marker.addTo(drawn);
    }

    /* One courier's route, the others pale. */
    function light(id) {
        for (const element of document.querySelectorAll("#map [class*='plan-of-']")) {
            element.classList.toggle("plan-pale", id !== null && !element.classList.contains(`plan-of-${id}`));
        }
    }

    // By the hour

    const share = (seconds) => ((seconds - plan.span[0]) / (plan.span[1] - plan.span[0])) * 100;

    function showLanes() {
        const focused = document.activeElement?.dataset?.order;
        lanes.replaceChildren(ruler(), ...plan.couriers.map(lane));
        if (focused) lanes.querySelector(`[data-order="${focused}"]`)?.focus({ preventScroll: true });
    }

    function ruler() {
        const row = make("div", "plan-lane plan-ruler");
        const hours = make("div", "plan-hours-of");
        hours.setAttribute("aria-hidden", "true");
        for (const { at, label } of plan.ticks.slice(0, -1)) {
            const tick = make("span", "plan-tick", label);
            tick.style.left = `${share(at)}%`;
            hours.append(tick);
        }
        row.append(make("div", "plan-who"), hours);
        return row;
    }

    function lane(courier, index) {
        const row = make("section", "plan-lane");
        row.dataset.courier = courier.id;
        row.setAttribute("aria-label", courier.name);
        const who = make("div", "plan-who");
        const name = make("b", "", courier.name);
        const dot = make("span", "plan-dot");
        dot.style.background = colour(index);
        const pattern = courier.capacity ? config.texts.capacity : config.texts.stops;
        const count = fill(pattern, { count: courier.stops.length, capacity: courier.capacity });
        const facts = [count, courier.stops.length ? `${fill(config.texts.km, { km: courier.km })}, ${courier.time}` : ""];
        who.append(dot, name, make("small", "", facts.filter(Boolean).join(" · ")));
        who.append(make("small", "", `${courier.hours} · ${fill(config.texts.start, { start: courier.start })}`));
        if (courier.overtime) who.append(make("small", "plan-bad", fill(config.texts.overtime, { minutes: courier.overtime })));
        const hours = make("ol", "plan-hours-of");
        for (const { at } of plan.ticks) {
            const line = make("li", "plan-line");
            line.setAttribute("aria-hidden", "true");
            line.style.left = `${share(at)}%`;
            hours.append(line);
        }
        courier.stops.forEach((stop, nth) => hours.append(block(stop, nth, index)));
        row.append(who, hours);
        row.addEventListener("pointerenter", () => light(courier.id));
        row.addEventListener("pointerleave", () => light(null));
        row.addEventListener("focusin", () => light(courier.id));
        row.addEventListener("focusout", () => light(null));
        return row;
    }

    function block(stop, nth, index) {
        const item = make("li", "plan-item");
        item.style.left = `${share(stop.begins)}%`;
        item.style.width = `max(1.5rem, ${share(stop.leaves) - share(stop.begins)}%)`;
        item.style.top = `${(nth % 2) * 1.9 + 0.35}rem`;
        // No button element: Firefox lets none be dragged.
        const button = make("span", `plan-block${stop.late ? " plan-late" : ""}`, nth + 1);
        button.setAttribute("role", "button");
        button.tabIndex = 0;
        button.style.setProperty("--plan-colour", colour(index));
        button.dataset.order = stop.id;
        button.draggable = mayChange;
        const late = stop.late ? fill(config.texts.late, { minutes: stop.late }) : "";
        const words = [`${nth + 1}. ${stop.at}`, stop.number, stop.window, late, stop.address].filter(Boolean).join(" · ");
        button.setAttribute("aria-label", words);
        button.title = words;
        item.append(button);
        if (stop.opens !== null && stop.closes !== null) item.append(windowOf(stop));
        return item;
    }

    /* The order's window as a thin bar, while the block is pointed at or has the focus. */
    function windowOf(stop) {
        const bar = make("span", "plan-window");
        const [from, until] = [Math.max(stop.opens, plan.span[0]), Math.min(stop.closes, plan.span[1])];
        bar.dataset.from = from;
        bar.dataset.until = until;
        bar.setAttribute("aria-hidden", "true");
        return bar;
    }

    function showWindow(event) {
        const item = event.target.closest?.(".plan-item");
        const bar = item?.querySelector(".plan-window");
        if (!bar) return;
        const perSecond = item.parentElement.clientWidth / (plan.span[1] - plan.span[0]);
        bar.style.width = `${Math.max(0, bar.dataset.until - bar.dataset.from) * perSecond}px`;
        bar.style.left = `${(bar.dataset.from - plan.span[0]) * perSecond - item.offsetLeft}px`;
    }

    lanes.addEventListener("pointerover", showWindow);
    lanes.addEventListener("focusin", showWindow);

    function showLeft() {
        left.hidden = !plan.left.length;
        left.querySelector("h2 span").textContent = plan.left.length;
        left.querySelector("ul").replaceChildren(
            ...plan.left.map((order) => {
                const item = make("li", "plan-left-row");
                const button = make("span", "plan-link", order.number);
                button.setAttribute("role", "button");
                button.tabIndex = 0;
                button.dataset.order = order.id;
                button.draggable = mayChange && !order.isFixed;
                item.append(button, ` ${order.window} ${order.address} `, make("em", "", order.reason));
                return item;
            }),
        );
    }

    // Moving

    function find(id) {
        for (const courier of plan.couriers) {
            const nth = courier.stops.findIndex((stop) => stop.id === id);
            if (nth >= 0) return { order: courier.stops[nth], courier, nth };
        }
        return { order: plan.left.find((one) => one.id === id), courier: null, nth: -1 };
    }

    function option(value, text, isChosen) {
        const made = make("option", "", text);
        made.value = value;
        made.selected = isChosen;
        return made;
    }

    function open(id) {
        const { order, courier, nth } = find(id);
        asked = id;
        document.getElementById("plan-move-title").textContent = mayChange
            ? fill(config.texts.move, { number: order.number })
            : order.number;
        const late = order.late ? fill(config.texts.late, { minutes: order.late }) : order.reason;
        document.getElementById("plan-move-facts").textContent = [order.window, order.at, late, order.address]
            .filter(Boolean)
            .join(" · ");
        document.getElementById("plan-move-open").href = config.order.replace("/0/", `/${id}/`);
        const canMove = mayChange && !order.isFixed;
        for (const element of dialog.querySelectorAll("label, #plan-move-do")) element.hidden = !canMove;
        const choice = document.getElementById("plan-move-courier");
        choice.replaceChildren(
            ...plan.couriers.map((one) => option(one.id, `${one.name} (${one.stops.length})`, one === courier)),
            option("", config.texts.nowhere, !courier),
        );
        offerPositions(nth);
        dialog.showModal();
    }

    function offerPositions(chosen) {
        const courier = plan.couriers.find((one) => String(one.id) === document.getElementById("plan-move-courier").value);
        const others = (courier?.stops ?? []).filter((stop) => stop.id !== asked);
        const select = document.getElementById("plan-move-position");
        select.disabled = !courier;
        const at = chosen >= 0 && chosen <= others.length ? chosen : others.length;
        select.replaceChildren(
            option(0, config.texts.first, at === 0),
            ...others.map((stop, nth) => {
                const after = fill(config.texts.after, { number: stop.number });
                return option(nth + 1, `${nth + 2}. ${after} (${stop.at})`, at === nth + 1);
            }),
        );
    }

    document.getElementById("plan-move-courier").addEventListener("change", () => offerPositions(-1));
    dialog.addEventListener("close", () => {
        if (dialog.returnValue === "move") {
            move(asked, document.getElementById("plan-move-courier").value, document.getElementById("plan-move-position").value);
        }
        dialog.returnValue = "";
    });

    async function move(order, courier, position) {
        const body = new FormData();
        for (const [name, value] of Object.entries({ order, courier, position: position || 0, version: plan.version })) {
            body.append(name, value);
        }
        body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
        let answer;
        try {
            const response = await fetch(config.move, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE) });
            if (response.redirected || response.status >= 500) throw new Error(response.status);
            answer = await response.json();
        } catch {
            say(config.texts.lost);
            return;
        }
        if (answer.couriers) {
            plan = answer;
            show();
        }
        const now = find(order);
        const said = now.courier ? config.texts.moved : config.texts.removed;
        say(answer.error ?? fill(said, { number: now.order.number, name: now.courier?.name }));
        document.querySelector(`[data-order="${order}"]`)?.focus({ preventScroll: true });
    }

    document.addEventListener("click", (event) => {
        const id = event.target.closest?.("[data-order]")?.dataset.order;
        if (id) open(Number(id));
    });

    document.addEventListener("keydown", (event) => {
        const id = event.target.dataset?.order;
        if (!id || (event.key !== "Enter" && event.key !== " ")) return;
        event.preventDefault();
        open(Number(id));
    });

    document.addEventListener("dragstart", (event) => {
        const id = event.target.dataset?.order;
        if (!id) return;
        dragged = Number(id);
        event.dataTransfer.setData("text/plain", id);
        event.dataTransfer.effectAllowed = "move";
    });

    function laneOf(event) {
        return dragged === null ? null : event.target.closest?.(".plan-lane[data-courier], #plan-left");
    }

    document.addEventListener("dragover", (event) => {
        document.querySelectorAll(".plan-over").forEach((each) => each.classList.remove("plan-over"));
        const over = laneOf(event);
        if (!over) return;
        event.preventDefault();
        over.classList.add("plan-over");
    });

    document.addEventListener("drop", (event) => {
        const over = laneOf(event);
        if (!over) return;
        event.preventDefault();
        const hours = over.querySelector(".plan-hours-of");
        let position = 0;
        if (hours) {
            const box = hours.getBoundingClientRect();
            const at = plan.span[0] + ((event.clientX - box.left) / box.width) * (plan.span[1] - plan.span[0]);
            const stops = plan.couriers.find((one) => String(one.id) === over.dataset.courier).stops;
            position = stops.filter((stop) => stop.id !== dragged && stop.begins < at).length;
        }
        move(dragged, over.dataset.courier ?? "", position);
    });

    document.addEventListener("dragend", () => {
        dragged = null;
        document.querySelectorAll(".plan-over").forEach((each) => each.classList.remove("plan-over"));
    });

    show();
    const placed = plan.couriers.filter((courier) => courier.stops.length);
    CourierMap.showAll(map, [
        ...placed.map((courier) => courier.place),
        ...placed.flatMap((courier) => courier.stops.map((stop) => stop.place)),
        ...plan.left.filter((order) => order.place).map((order) => order.place),
    ]);
})();
