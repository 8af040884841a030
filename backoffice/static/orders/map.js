/* The map of orders: chosen by area or in the list, given to a courier, put in their place; it looks for news by itself. */
"use strict";

(() => {
    const PATIENCE = 20000; // milliseconds to wait for an answer
    const LEAST = 4; // pixels: a shorter stroke is a click

    const config = CourierMap.read("map-config");
    const letters = new Map(CourierMap.read("map-states").map((state) => [state.code, state.letter]));
    const element = document.getElementById("map");
    const map = CourierMap.create(element, config);
    const canvas = L.canvas({ padding: 0.5, tolerance: 4 });
    const hint = document.getElementById("orders-hint");
    const lost = document.getElementById("orders-lost");
    const told = document.getElementById("orders-told");
    const find = document.getElementById("orders-find");
    const panel = document.getElementById("desk-card");
    const lists = {
        lost: document.querySelector("#orders-lost-list"),
        placed: document.querySelector("#orders-list"),
    };

    const orders = new Map(); // id -> what the server said of it
    const marks = new Map();
    const rows = new Map();
    const couriers = new Map();
    const chosen = new Set();
    let theme = OrderMarks.colours();
    let track = null;
    let placing = null; // the order that waits for its place
    let stroke = null; // what is being drawn
    let drawing = "";
    let opener = null;
    let answeredAt = Date.now();
    let asked = 0;

    const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_whole, name) => values[name]);
    const address = (pattern, id) => pattern.replace("/0/", `/${id}/`);

    function make(tag, className, text) {
        const made = document.createElement(tag);
        if (className) made.className = className;
        if (text) made.textContent = text;
        return made;
    }

    // What is there

    function show(data) {
        const ids = new Set(data.orders.map((order) => order.id));
        for (const id of [...orders.keys()].filter((each) => !ids.has(each))) forget(id);
        const sorted = [...data.orders].sort((a, b) => a.window.localeCompare(b.window) || a.id - b.id);
        for (const order of sorted) {
            const before = orders.get(order.id);
            orders.set(order.id, order);
            if (JSON.stringify(before) === JSON.stringify(order)) continue;
            drawMark(order);
            drawRow(order);
            if (!order.free) choose([order.id], false);
        }
        showCouriers(data.couriers);
        const capped = document.getElementById("orders-capped");
        capped.textContent = data.capped;
        capped.hidden = !data.capped;
        count();
    }

    function forget(id) {
        orders.delete(id);
        chosen.delete(id);
        marks.get(id)?.remove();
        marks.delete(id);
        rows.get(id)?.remove();
        rows.delete(id);
    }

    function drawMark(order) {
        if (!order.place) {
            marks.get(order.id)?.remove();
            marks.delete(order.id);
            return;
        }
        const look = { order, letter: letters.get(order.state) ?? "?", isChosen: chosen.has(order.id), theme };
        if (marks.has(order.id)) {
            marks.get(order.id).setLatLng(order.place).change(look);
            return;
        }
        const mark = new OrderMarks.Mark(order.place, { ...look, renderer: canvas });
        mark.bindTooltip(() => CourierMap.text(words(orders.get(order.id))), { direction: "top", offset: [0, -8] });
        mark.on("click", (event) => {
            L.DomEvent.stopPropagation(event);
            if (event.originalEvent.ctrlKey || event.originalEvent.shiftKey || event.originalEvent.metaKey) {
                choose([order.id], !chosen.has(order.id));
                count();
            } else if (!placing && !drawing) {
                openCard(order.id, element);
            }
        });
        marks.set(order.id, mark.addTo(map));
    }

    function words(order) {
        const haste = order.haste ? config.texts[order.haste] : "";
        return [order.number, order.window, order.name || config.texts.unassigned, haste, order.address]
            .filter(Boolean)
            .join(" · ");
    }

    function drawRow(order) {
        const row = make("li", "orders-row");
        row.dataset.id = order.id;
        const label = make("label");
        if (config.mayChange) {
            const box = make("input");
            box.type = "checkbox";
            box.disabled = !order.free;
            box.checked = chosen.has(order.id);
            label.append(box);
        }
        const badge = make("span", "orders-badge", letters.get(order.state) ?? "?");
        badge.dataset.state = order.state;
        badge.setAttribute("aria-hidden", "true");
        if (!order.courier) badge.classList.add("orders-nobody");
        if (order.haste) badge.classList.add(`orders-${order.haste}`);
        const text = make("span", "orders-words");
        text.append(make("b", "", order.number), ` ${order.window} `);
        if (order.haste) text.append(make("em", `orders-is-${order.haste}`, config.texts[order.haste]), " ");
        text.append(make("span", order.courier ? "" : "orders-is-free", order.name || config.texts.unassigned));
        text.append(make("small", "", order.address));
        label.append(badge, text);
        const buttons = make("span", "orders-buttons");
        if (order.place) buttons.append(button("◎", "show", fill(config.texts.showOf, order)));
        else if (config.mayChange && order.free) {
            buttons.append(button(config.texts.place, "place", fill(config.texts.placeOf, order)));
        }
        buttons.append(button("▸", "card", `${panel.getAttribute("aria-label")} ${order.number}`));
        row.append(label, buttons);

        const before = rows.get(order.id);
        const list = (order.place ? lists.placed : lists.lost).querySelector("ul");
        const focused = before?.contains(document.activeElement) ? document.activeElement.dataset.act ?? "box" : "";
        if (before?.parentNode === list) before.replaceWith(row);
        else {
            before?.remove();
            list.append(row);
        }
        rows.set(order.id, row);
        if (focused) row.querySelector(focused === "box" ? "input" : `[data-act="${focused}"]`)?.focus();
        hideUnlessFound(row);
    }

    function button(text, act, name) {
        const made = make("button", "orders-link", text);
        made.type = "button";
        made.dataset.act = act;
        made.setAttribute("aria-label", name);
        return made;
    }

    function hideUnlessFound(row) {
        const wanted = find.value.trim().toLowerCase();
        row.hidden = Boolean(wanted) && !row.textContent.toLowerCase().includes(wanted);
    }

    function showCouriers(found) {
        for (const courier of found) {
            if (!couriers.has(courier.id)) {
                const marker = CourierMap.courierMarker().bindPopup(() => popup(courier.id), { minWidth: 180 });
                couriers.set(courier.id, { marker: marker.addTo(map) });
            }
            couriers.get(courier.id).said = courier;
            CourierMap.moveCourier(couriers.get(courier.id).marker, courier);
        }
        const ids = new Set(found.map((courier) => courier.id));
        for (const [id, gone] of couriers) {
            if (!ids.has(id)) {
                gone.marker.remove();
                couriers.delete(id);
            }
        }
    }

    function popup(id) {
        const { said } = couriers.get(id);
        const content = make("div", "orders-popup");
        content.append(make("b", "", said.name), make("p", "", fill(config.texts.openOrders, { count: said.openOrders })));
        const today = make("button", "orders-link", config.texts.track);
        today.type = "button";
        today.addEventListener("click", () => showTrack(id));
        const day = make("a", "text-link", config.texts.dayTrack);
        day.href = address(config.dayTrack, id);
        content.append(today, " ", day);
        return content;
    }

    async function showTrack(id) {
        const answer = await ask(address(config.track, id));
        if (!answer) return;
        track?.remove();
        track = L.layerGroup().addTo(map);
        hint.textContent = answer.points.length ? "" : config.texts.noTrack;
        const gaps = new Set(answer.gaps);
        let stretch = [];
        answer.points.forEach(([, latitude, longitude], index) => {
            stretch.push([latitude, longitude]);
            if (gaps.has(index) || index === answer.points.length - 1) {
                L.polyline(stretch, { className: "map-way", weight: 4, interactive: false }).addTo(track);
                stretch = [];
            }
        });
    }

    // What is chosen

    function choose(ids, is) {
        for (const id of ids) {
            if (is && !orders.get(id)?.free) continue;
            if (chosen.has(id) === is) continue;
            if (is) chosen.add(id);
            else chosen.delete(id);
            marks.get(id)?.change({ isChosen: is });
            const box = rows.get(id)?.querySelector("input");
            if (box) box.checked = is;
        }
    }

    function count() {
        for (const list of Object.values(lists)) {
            list.querySelector("h2 span").textContent = list.querySelectorAll("li").length;
        }
        lists.lost.hidden = !lists.lost.querySelector("li");
        if (!config.mayChange) return;
        document.getElementById("orders-count").textContent = fill(config.texts.selected, { count: chosen.size });
        document.querySelector("#orders-distribute [name=ids]").value = [...chosen].join(",");
    }

    // By area

    function setDrawing(mode) {
        drawing = mode;
        for (const each of document.querySelectorAll("[data-draw]")) {
            each.setAttribute("aria-pressed", String(each.dataset.draw === mode));
        }
        element.classList.toggle("orders-drawing", Boolean(mode));
        if (mode) {
            setPlacing(null);
            map.dragging.disable();
            hint.textContent = config.texts.drawing;
        } else {
            map.dragging.enable();
            hint.textContent = "";
            endStroke();
        }
    }

    function endStroke() {
        stroke?.shape.remove();
        stroke = null;
    }

    const pointOf = (event) => map.mouseEventToContainerPoint(event);

    element.addEventListener("pointerdown", (event) => {
        if (!drawing || event.button !== 0 || event.target.closest(".leaflet-control")) return;
        event.preventDefault();
        element.setPointerCapture(event.pointerId);
        const shape = L.polygon([], { className: "orders-area", interactive: false }).addTo(map);
        stroke = { points: [pointOf(event)], shape };
    });

    element.addEventListener("pointermove", (event) => {
        if (!stroke) return;
        const point = pointOf(event);
        if (drawing === "lasso") stroke.points.push(point);
        else stroke.points = [stroke.points[0], point];
        stroke.shape.setLatLngs(cornersOf(stroke).map((each) => map.containerPointToLatLng(each)));
    });

    element.addEventListener("pointerup", () => {
        if (!stroke) return;
        const corners = cornersOf(stroke);
        const box = L.bounds(corners).getSize();
        endStroke();
        if (Math.max(box.x, box.y) < LEAST) return;
        const inside = [...marks.keys()].filter((id) => {
            return orders.get(id).free && isInside(map.latLngToContainerPoint(orders.get(id).place), corners);
        });
        choose(inside, true);
        hint.textContent = inside.length ? config.texts.drawing : config.texts.noneInside;
        count();
    });

    element.addEventListener("pointercancel", endStroke);

    function cornersOf({ points }) {
        if (drawing === "lasso" || points.length < 2) return points;
        const [a, b] = points;
        return [a, L.point(b.x, a.y), b, L.point(a.x, b.y)];
    }

    /* Whether a ray from the point crosses the outline an odd number of times. */
    function isInside(point, corners) {
        let inside = false;
        corners.forEach((one, index) => {
            const other = corners.at(index - 1);
            const crosses = one.y > point.y !== other.y > point.y;
            if (crosses && point.x < ((other.x - one.x) * (point.y - one.y)) / (other.y - one.y) + one.x) inside = !inside;
        });
        return inside;
    }

    // Places

    function setPlacing(id) {
        placing = id;
        element.classList.toggle("orders-placing", id !== null);
        hint.textContent = id === null ? "" : fill(config.texts.placed, orders.get(id));
        if (id !== null) {
            if (drawing) setDrawing("");
            hint.textContent = fill(config.texts.placed, orders.get(id));
            element.focus();
        }
    }

    async function place(at) {
        const id = placing;
        setPlacing(null);
        const { lat, lng } = at.wrap();
        await tell(address(config.place, id), { latitude: lat.toFixed(7), longitude: lng.toFixed(7) });
        rows.get(id)?.querySelector("button")?.focus();
    }

    map.on("click", (event) => placing !== null && place(event.latlng));

    // Talking with the server

    async function ask(url, body) {
        try {
            const options = body ? { method: "POST", body } : {};
            const answer = await fetch(url, { ...options, signal: AbortSignal.timeout(PATIENCE) });
            const isJson = answer.headers.get("content-type")?.startsWith("application/json");
            // Whoever was signed out meanwhile is sent to a page to sign in.
            if (answer.redirected || !isJson) throw new Error(`${answer.status} ${answer.url}`);
            lost.hidden = true;
            return await answer.json();
        } catch {
            lost.textContent = config.texts.lost;
            lost.hidden = false;
            return null;
        }
    }

    async function tell(url, values) {
        const body = new FormData();
        for (const [name, value] of Object.entries(values)) body.append(name, value);
        body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
        const answer = await ask(url, body);
        if (!answer) return false;
        say(answer.told);
        await look();
        return true;
    }

    function say(messages) {
        told.replaceChildren(
            ...messages.map(({ level, html }) => {
                const paragraph = make("p", `orders-told orders-${level}`);
                paragraph.innerHTML = html; // escaped by the server, with links to the orders
                return paragraph;
            }),
        );
    }

    async function look() {
        const mine = ++asked;
        const answer = await ask(config.data);
        if (!answer || mine !== asked) return;
        show(answer);
        answeredAt = Date.now();
        tick();
    }

    function tick() {
        CourierMap.tellAges((Date.now() - answeredAt) / 1000, config);
    }

    // The card

    async function openCard(id, from) {
        let html;
        try {
            const answer = await fetch(address(config.card, id), { signal: AbortSignal.timeout(PATIENCE) });
            if (!answer.ok || answer.redirected) throw new Error(answer.status);
            html = await answer.text();
        } catch {
            lost.textContent = config.texts.lost;
            lost.hidden = false;
            return;
        }
        panel.innerHTML = html;
        const closing = make("button", "desk-close", "×");
        closing.type = "button";
        closing.setAttribute("aria-label", panel.dataset.close);
        closing.addEventListener("click", closeCard);
        panel.prepend(closing);
        panel.hidden = false;
        opener = from;
        closing.focus();
    }

    function closeCard() {
        panel.hidden = true;
        panel.replaceChildren();
        opener?.focus();
    }

    // What a person does

    function showAll() {
        const places = [...marks.values()].map((mark) => mark.getLatLng());
        const standing = [...couriers.values()].map(({ marker }) => marker.getLatLng());
        CourierMap.showAll(map, places.length ? places : standing);
    }

    document.querySelector(".orders-side").addEventListener("change", (event) => {
        const row = event.target.closest(".orders-row");
        if (!row) return;
        choose([Number(row.dataset.id)], event.target.checked);
        count();
    });

    document.querySelector(".orders-side").addEventListener("click", (event) => {
        const act = event.target.dataset?.act;
        const id = Number(event.target.closest(".orders-row")?.dataset.id);
        if (act === "card") openCard(id, event.target);
        if (act === "place") setPlacing(id);
        if (act === "show") {
            map.setView(orders.get(id).place, Math.max(map.getZoom(), 15));
            marks.get(id).openTooltip();
        }
    });

    find.addEventListener("input", () => rows.forEach(hideUnlessFound));

    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") {
            if (!panel.hidden) closeCard();
            else if (placing !== null) setPlacing(null);
            else if (drawing) setDrawing("");
        } else if (event.key === "Enter" && placing !== null && event.target === element) {
            event.preventDefault();
            place(map.getCenter());
        }
    });

    for (const each of document.querySelectorAll("[data-draw]")) {
        each.addEventListener("click", () => setDrawing(drawing === each.dataset.draw ? "" : each.dataset.draw));
    }
    document.getElementById("orders-all").addEventListener("click", showAll);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
    map.on("popupopen", tick);
    // The theme is a class of <html>, and a canvas does not follow it by itself.
    new MutationObserver(() => {
        theme = OrderMarks.colours();
        marks.forEach((mark) => mark.change({ theme }));
    }).observe(document.documentElement, { attributeFilter: ["class"] });

    if (config.mayChange) {
        document.getElementById("orders-clear").addEventListener("click", () => {
            choose([...chosen], false);
            count();
        });
        document.getElementById("orders-assign").addEventListener("click", async () => {
            const courier = document.getElementById("orders-courier").value;
            if (!courier || !chosen.size) {
                say([{ level: "error", html: CourierMap.text(config.texts.missing) }]);
                return;
            }
            const ids = [...chosen];
            if (await tell(config.assign, { courier, ids: ids.join(",") })) {
                choose(ids, false);
                count();
            }
        });
        document.getElementById("orders-distribute").addEventListener("submit", (event) => {
            if (chosen.size) return;
            event.preventDefault();
            say([{ level: "error", html: CourierMap.text(config.texts.missing) }]);
        });
    }

    show(CourierMap.read("map-data"));
    showAll();
    tick();
    setInterval(tick, 5000);
    setInterval(() => document.visibilityState === "visible" && look(), config.every * 1000);
})();
