/* All couriers now. Asks for new positions every half minute; in between, and when no answer comes, ages go on. */
"use strict";

(() => {
    const TICK = 5000;
    const PATIENCE = 20000;

    const config = CourierMap.read("map-config");
    const map = CourierMap.create(document.getElementById("map"), config);
    const list = document.getElementById("map-list");
    const trouble = document.getElementById("map-trouble");
    const markers = new Map();
    let answeredAt = Date.now();

    function card(id) {
        return list.querySelector(`[data-courier="${id}"]`);
    }

    function popup(id) {
        const content = card(id).cloneNode(true);
        content.querySelector("[data-show]").remove();
        return content;
    }

    function marker(courier) {
        const made = CourierMap.courierMarker();
        made.bindPopup(() => popup(courier.id), { minWidth: 220, maxWidth: 280 });
        return made;
    }

    function place(courier) {
        if (!markers.has(courier.id)) {
            markers.set(courier.id, marker(courier).addTo(map));
        }
        CourierMap.moveCourier(markers.get(courier.id), courier);
    }

    function show(answer) {
        const focused = document.activeElement?.dataset?.key;
        list.innerHTML = answer.list;
        if (focused) list.querySelector(`[data-key="${focused}"]`)?.focus({ preventScroll: true });

        const placed = answer.couriers.filter((courier) => courier.position);
        placed.forEach(place);
        const ids = new Set(placed.map((courier) => courier.id));
        for (const [id, gone] of markers) {
            if (!ids.has(id)) {
                gone.remove();
                markers.delete(id);
            } else if (gone.isPopupOpen()) {
                gone.getPopup().update();
            }
        }
    }

    function tick() {
        CourierMap.tellAges((Date.now() - answeredAt) / 1000, config);
    }

    async function refresh() {
        if (document.hidden) return;
        try {
            const headers = { Accept: "application/json" };
            const response = await fetch(config.url, { headers, signal: AbortSignal.timeout(PATIENCE) });
            // Whoever was signed out meanwhile is sent to a page to sign in.
            if (!response.ok || response.redirected) throw new Error(`${response.status} ${response.url}`);
            const answer = await response.json();
            show(answer);
            answeredAt = Date.now();
            trouble.hidden = true;
        } catch (error) {
            const time = document.getElementById("map-trouble-time");
            time.textContent = new Date(answeredAt).toLocaleTimeString(document.documentElement.lang);
            trouble.hidden = false;
        }
        tick();
    }

    function showAll() {
        CourierMap.showAll(map, [...markers.values()].map((found) => found.getLatLng()));
    }

    function look(id) {
        const found = markers.get(id);
        if (!found) return;
        map.setView(found.getLatLng(), Math.max(map.getZoom(), 15));
        found.openPopup();
    }

    list.addEventListener("click", (event) => {
        const button = event.target.closest("[data-show]");
        if (button) look(Number(button.dataset.show));
    });
    document.getElementById("map-all").addEventListener("click", showAll);
    document.addEventListener("visibilitychange", () => {
        tick();
        refresh();
    });
    map.on("popupopen", tick);

    show(CourierMap.read("map-positions"));
    showAll();
    if (config.focus) look(config.focus);
    tick();
    setInterval(tick, TICK);
    setInterval(refresh, config.every * 1000);
})();
