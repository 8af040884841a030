/* What both map pages share: reading data from the page, a map that is to scale with and without tiles, ages. */
"use strict";

const CourierMap = (() => {
    // Where the map looks while it has nothing to show.
    const NOWHERE = [[55.75, 37.62], 9];

    const Grid = L.GridLayer.extend({
        createTile: () => L.DomUtil.create("div", "map-grid"),
    });

    /* The JSON that the server put into the page under this id. */
    function read(id) {
        return JSON.parse(document.getElementById(id).textContent);
    }

    function create(element, config) {
        const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
        const map = L.map(element, { zoomControl: false, zoomAnimation: !calm, fadeAnimation: !calm, maxZoom: 19 });
        map.attributionControl.setPrefix(false);
        L.control.zoom({ zoomInTitle: config.zoomIn, zoomOutTitle: config.zoomOut }).addTo(map);
        L.control.scale({ imperial: false }).addTo(map);
        new Grid().addTo(map);
        if (config.tiles) {
            const tiles = L.tileLayer(config.tiles, {
                subdomains: config.subdomains,
                attribution: text(config.credit),
                maxZoom: 19,
                // The admin sends no referrer to other hosts, and public tile servers refuse who sends none.
                referrerPolicy: "strict-origin",
            });
            tiles.addTo(map);
        }
        map.setView(...NOWHERE);
        return map;
    }

    /* Plain text as Leaflet, which takes HTML, must get it. */
    function text(value) {
        const element = document.createElement("span");
        element.textContent = value;
        return element.innerHTML;
    }

    /* Looks at all these places, with room for labels at their right; a single one is not looked at from too near. */
    function showAll(map, places) {
        if (places.length) {
            const room = Math.min(150, map.getSize().x / 3);
            map.fitBounds(L.latLngBounds(places), {
                paddingTopLeft: [40, 40],
                paddingBottomRight: [room, 40],
                maxZoom: 16,
            });
        }
    }

    function freshness(seconds, config) {
        if (seconds < -config.tolerance || seconds >= config.stale) return "old";
        return seconds < config.fresh ? "fresh" : "stale";
    }

    function ageInWords(seconds, config) {
        if (seconds < -config.tolerance) return config.ages.ahead;
        const minutes = Math.floor(Math.max(seconds, 0) / 60);
        const hours = Math.floor(minutes / 60);
        const days = Math.floor(hours / 24);
        const unit = days ? "days" : hours ? "hours" : minutes ? "minutes" : "seconds";
        return config.ages[unit]
            .replace("{days}", days)
            .replace("{hours}", hours)
            .replace("{minutes}", minutes % 60);
    }

    /* A courier on the map: a dot that tells the age of his position, his name, and the age in words. */
    function courierMarker() {
        const element = document.createElement("span");
        element.append(document.createElement("span"), document.createElement("b"), document.createElement("span"));
        const [dot, name, age] = element.children;
        dot.className = "map-dot";
        name.className = "map-name";
        age.className = "map-age";
        age.dataset.ageWords = "";
        const icon = L.divIcon({ html: element, className: "", iconSize: null, iconAnchor: [11, 12] });
        const made = L.marker([0, 0], { icon, riseOnHover: true });
        made.element = element;
        return made;
    }

    function moveCourier(marker, courier) {
        const position = courier.position;
        marker.setLatLng([position.latitude, position.longitude]);
        marker.element.className = courier.hasSession ? "map-marker" : "map-marker map-marker-away";
        marker.element.dataset.age = position.age;
        marker.element.children[1].textContent = courier.name;
    }

    /* Writes ages that were told so many seconds ago. */
    function tellAges(passed, config) {
        for (const element of document.querySelectorAll("[data-age]")) {
            const seconds = Number(element.dataset.age) + passed;
            element.dataset.freshness = freshness(seconds, config);
            element.querySelector("[data-age-words]").textContent = ageInWords(seconds, config);
        }
    }

    return { read, create, text, showAll, freshness, ageInWords, courierMarker, moveCourier, tellAges };
})();
