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

    return { read, create, text, showAll, freshness, ageInWords };
})();
