/* Who drives: all at once, the point that couriers start from, and that computing takes a moment. */
"use strict";

(() => {
    const config = CourierMap.read("map-config");
    const map = CourierMap.create(document.getElementById("map"), config);
    const form = document.getElementById("plan-setup");
    const latitude = form.elements.latitude;
    const longitude = form.elements.longitude;
    const everybody = document.getElementById("plan-everybody");
    const boxes = [...form.querySelectorAll("[data-drives]")];
    const canvas = L.canvas();
    let point = null;

    for (const place of config.orders) {
        L.circleMarker(place, { renderer: canvas, radius: 4, weight: 1, color: "#8b5cf6", fillOpacity: 0.7, interactive: false }).addTo(map);
    }
    CourierMap.showAll(map, config.orders);

    function showPoint() {
        const place = [latitude.value, longitude.value].map((text) => (text === "" ? NaN : Number(text)));
        point?.remove();
        point = null;
        if (place.some(Number.isNaN)) return;
        const icon = L.divIcon({ html: "★", className: "plan-star", iconSize: [24, 24] });
        point = L.marker(place, { icon, keyboard: false, interactive: false }).addTo(map);
    }

    map.on("click", (event) => {
        const { lat, lng } = event.latlng.wrap();
        latitude.value = lat.toFixed(6);
        longitude.value = lng.toFixed(6);
        showPoint();
    });
    latitude.addEventListener("change", showPoint);
    longitude.addEventListener("change", showPoint);

    function summarize() {
        const count = boxes.filter((box) => box.checked).length;
        everybody.checked = count > 0 && count === boxes.length;
        everybody.indeterminate = count > 0 && count < boxes.length;
    }

    everybody.addEventListener("change", () => {
        for (const box of boxes) box.checked = everybody.checked;
    });
    form.addEventListener("change", (event) => event.target.matches("[data-drives]") && summarize());
    form.addEventListener("submit", (event) => {
        if (event.submitter?.id !== "plan-compute") return;
        document.getElementById("plan-progress").hidden = false;
        // Not at once: a disabled button would not submit.
        setTimeout(() => { event.submitter.disabled = true; });
    });
    window.addEventListener("pageshow", () => {
        document.getElementById("plan-progress").hidden = true;
        document.getElementById("plan-compute").disabled = false;
    });

    showPoint();
    summarize();
})();
