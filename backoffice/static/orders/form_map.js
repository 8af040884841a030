/* Where an order goes, on a map: a click or a drag sets the coordinates, typed ones move the pin. */
"use strict";

(() => {
    const { config, write, filled, delayed } = OrderForm;
    if (!config) {
        return;
    }
    const DIGITS = 6; // a tenth of a metre
    const NEAR = 16;

    function start(box) {
        const fields = ["latitude", "longitude"].map((name) => document.getElementById(`id_${box.dataset.place}_${name}`));
        const geo = document.getElementById(`id_${box.dataset.place}_is_use_google_geo`);
        const status = box.querySelector("[role=status]");
        const canvas = box.querySelector(".form-map-canvas");
        const map = CourierMap.create(canvas, config.map);
        const icon = L.divIcon({ html: "", className: "form-pin", iconSize: [18, 18], iconAnchor: [9, 9] });
        const isEditable = fields.every((field) => field && !field.disabled);
        const pin = L.marker([0, 0], { icon, draggable: isEditable, autoPan: true, keyboard: false });

        function typed() {
            const place = fields.map((field) => (field?.value.trim() ? Number(field.value.replace(",", ".")) : NaN));
            const isPlace = Number.isFinite(place[0] + place[1]) && Math.abs(place[0]) <= 90 && Math.abs(place[1]) <= 180;
            return isPlace ? place : null;
        }

        function say(place) {
            const words = place && place.map((degrees) => degrees.toFixed(DIGITS)).join(", ");
            status.textContent = place ? filled(config.texts.place, { place: words }) : config.texts.noPlace;
        }

        function draw(looks) {
            const place = typed();
            say(place);
            if (!place) {
                pin.remove();
                return;
            }
            pin.setLatLng(place).addTo(map);
            if (looks || !map.getBounds().contains(place)) map.setView(place, Math.max(map.getZoom(), NEAR));
        }

        function set(at) {
            const { lat, lng } = at.wrap();
            write(fields[0], lat.toFixed(DIGITS));
            write(fields[1], lng.toFixed(DIGITS));
            // iRECA would look the address up, and put its own coordinates in their place.
            if (geo) write(geo, "false");
            draw(false);
        }

        if (isEditable) {
            map.on("click", (event) => set(event.latlng));
            pin.on("dragend", () => set(pin.getLatLng()));
            box.querySelector("[data-do=centre]").addEventListener("click", () => set(map.getCenter()));
            box.querySelector("[data-do=clear]").addEventListener("click", () => {
                fields.forEach((field) => write(field, ""));
                draw(false);
            });
            const later = delayed(() => draw(false), 300);
            fields.forEach((field) => field.addEventListener("input", later));
        }
        map.attributionControl.setPosition("bottomleft");
        new ResizeObserver(() => map.invalidateSize()).observe(canvas);
        draw(true);
    }

    /* A map in a tab that is not open has no size, so it begins when it is first seen. */
    const seen = new IntersectionObserver((entries) => {
        for (const entry of entries) {
            if (entry.isIntersecting) {
                seen.unobserve(entry.target);
                start(entry.target);
            }
        }
    });
    document.querySelectorAll("[data-place]").forEach((box) => seen.observe(box));
})();
