/* A courier's day: the way with its gaps, the orders and what happened to them, and the replay. */
"use strict";

(() => {
    const MINUTE = 60;
    const HOUR = 3600;
    const config = CourierMap.read("map-config");
    const data = CourierMap.read("track-data");
    const points = data.points.map(([at, latitude, longitude]) => ({ at, place: [latitude, longitude] }));
    const gaps = new Set(data.gaps);
    const map = CourierMap.create(document.getElementById("map"), config);
    const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
        timeZone: config.zone,
        hour: "2-digit",
        minute: "2-digit",
        hourCycle: "h23",
    });

    const time = (at) => clock.format(at * 1000);

    drawWay();
    drawOrders();
    CourierMap.showAll(map, [
        ...points.map((point) => point.place),
        ...data.orders.map((order) => order.place),
        ...data.changes.map((change) => change.place).filter((place) => place.length),
    ]);
    if (points.length > 1) replay();

    function drawWay() {
        let stretch = [];
        points.forEach((point, index) => {
            stretch.push(point.place);
            if (gaps.has(index) || index === points.length - 1) {
                L.polyline(stretch, { className: "map-way", weight: 4 }).addTo(map);
                stretch = [];
            }
            if (gaps.has(index)) {
                const next = points[index + 1];
                L.polyline([point.place, next.place], { className: "map-way-gap", weight: 3 })
                    .bindTooltip(`${config.texts.gap}: ${time(point.at)}–${time(next.at)}`, { sticky: true })
                    .addTo(map);
            }
        });
        let labelled = -Infinity;
        points.forEach((point, index) => {
            const isEnd = index === 0 || index === points.length - 1;
            const isHour = Math.floor(point.at / HOUR) > Math.floor(labelled / HOUR);
            const permanent = isEnd || isHour;
            if (permanent) labelled = point.at;
            L.circleMarker(point.place, { className: "map-point", radius: permanent ? 5 : 2.5, weight: permanent ? 2 : 1 })
                .bindTooltip(time(point.at), { permanent, direction: "top", offset: [0, -4] })
                .addTo(map);
        });
    }

    function drawOrders() {
        for (const order of data.orders) {
            const element = document.createElement("span");
            element.className = "map-order";
            element.textContent = order.number;
            L.marker(order.place, { icon: L.divIcon({ html: element, className: "", iconSize: null }) })
                .bindPopup(CourierMap.text(`${order.number}: ${order.address}`))
                .addTo(map);
        }
        for (const change of data.changes.filter((one) => one.place.length)) {
            L.circleMarker(change.place, { className: "map-change", radius: 6 })
                .bindTooltip(CourierMap.text(describe(change)))
                .addTo(map);
        }
    }

    function describe(change) {
        return `${time(change.at)} ${change.number}: ${change.text}`;
    }

    /* The last point that is not after this time. */
    function indexAt(at) {
        let low = 0;
        let high = points.length - 1;
        while (low < high) {
            const middle = Math.ceil((low + high) / 2);
            if (points[middle].at <= at) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    /* Where he was: on a line between two points, but nobody knows in a gap, so he stays where he was seen last. */
    function whereAt(at, index) {
        const before = points[index];
        const after = points[index + 1];
        if (!after || gaps.has(index)) return before.place;
        const part = (at - before.at) / (after.at - before.at || 1);
        return before.place.map((degrees, axis) => degrees + (after.place[axis] - degrees) * part);
    }

    function replay() {
        const first = points[0].at;
        const last = points[points.length - 1].at;
        const section = document.getElementById("replay");
        const toggle = document.getElementById("replay-toggle");
        const slider = document.getElementById("replay-slider");
        const speed = document.getElementById("replay-speed");
        const caption = document.getElementById("replay-caption");
        const trail = L.polyline([], { className: "map-trail", weight: 5 }).addTo(map);
        const courier = L.circleMarker(points[0].place, { className: "map-replayed", radius: 9, weight: 3 }).addTo(map);
        let now = first;
        let frame = null;

        function show(at) {
            now = Math.min(Math.max(at, first), last);
            const index = indexAt(now);
            const place = whereAt(now, index);
            const inGap = gaps.has(index) && now > points[index].at;
            courier.setLatLng(place);
            courier.getElement().classList.toggle("map-replayed-gap", inGap);
            trail.setLatLngs(stretches(index, place));
            if (!map.getBounds().contains(place)) map.panTo(place);
            const latest = data.changes.filter((change) => change.at <= now).at(-1);
            const said = [time(now), inGap && config.texts.gap, latest && describe(latest)].filter(Boolean).join(" · ");
            caption.textContent = said;
            slider.value = now;
            slider.setAttribute("aria-valuetext", said);
        }

        /* The way so far, without the gaps. */
        function stretches(index, place) {
            const parts = [[]];
            for (let i = 0; i <= index; i += 1) {
                parts.at(-1).push(points[i].place);
                if (gaps.has(i)) parts.push([]);
            }
            if (!gaps.has(index)) parts.at(-1).push(place);
            return parts;
        }

        function pause() {
            cancelAnimationFrame(frame);
            frame = null;
            toggle.textContent = config.texts.play;
        }

        function play() {
            if (now >= last) show(first);
            toggle.textContent = config.texts.pause;
            let before = performance.now();
            const step = (moment) => {
                show(now + ((moment - before) / 1000) * Number(speed.value));
                before = moment;
                if (now >= last) pause();
                else frame = requestAnimationFrame(step);
            };
            frame = requestAnimationFrame(step);
        }

        function flip() {
            if (frame === null) play();
            else pause();
        }

        const moves = {
            ArrowLeft: () => show(now - MINUTE),
            ArrowDown: () => show(now - MINUTE),
            ArrowRight: () => show(now + MINUTE),
            ArrowUp: () => show(now + MINUTE),
            PageDown: () => show(now - 10 * MINUTE),
            PageUp: () => show(now + 10 * MINUTE),
            Home: () => show(first),
            End: () => show(last),
            " ": flip,
        };
        section.addEventListener("keydown", (event) => {
            const isPress = event.target === toggle && event.key === " ";
            if (event.target === speed || isPress || !(event.key in moves)) return;
            event.preventDefault();
            moves[event.key]();
        });
        toggle.addEventListener("click", flip);
        slider.addEventListener("input", () => show(Number(slider.value)));

        slider.min = first;
        slider.max = last;
        show(first);
        section.hidden = false;
    }
})();
