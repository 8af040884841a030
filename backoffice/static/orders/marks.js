/* How an order is drawn on a map: colour and letter by its state, a square where nobody has it, a ring when it is late.

One canvas draws thousands of them; an element for each would not. */
"use strict";

const OrderMarks = (() => {
    const FULL = 2 * Math.PI;

    /* Colours of the theme, read again when it changes. */
    function colours() {
        const style = getComputedStyle(document.documentElement);
        const read = (name) => style.getPropertyValue(name).trim();
        return {
            state: (code) => read(`--order-${code}`) || read("--order-other"),
            ink: read("--order-ink"),
            paper: read("--order-paper"),
            late: read("--order-late"),
            risk: read("--order-risk"),
            chosen: read("--order-chosen"),
        };
    }

    const Mark = L.CircleMarker.extend({
        options: { radius: 9, order: null, letter: "", isChosen: false, theme: null },
        _updatePath() {
            this._renderer._updateOrderMark(this);
        },
        change(options) {
            L.setOptions(this, options);
            this.redraw();
        },
    });

    L.Canvas.include({
        _updateOrderMark(mark) {
            if (!this._drawing || mark._empty()) return;
            const { order, letter, isChosen, theme } = mark.options;
            const { x, y } = mark._point;
            const radius = mark._radius;
            const pen = this._ctx;
            const shape = (size) => {
                pen.beginPath();
                if (order.courier) pen.arc(x, y, size, 0, FULL);
                else pen.rect(x - size, y - size, 2 * size, 2 * size);
            };
            pen.save();
            if (isChosen) {
                shape(radius + 4);
                pen.fillStyle = theme.chosen;
                pen.fill();
            }
            shape(radius);
            pen.fillStyle = theme.state(order.state);
            pen.fill();
            pen.lineWidth = order.haste ? 3 : 1.5;
            pen.strokeStyle = order.haste ? theme[order.haste] : theme.paper;
            pen.setLineDash(order.haste === "risk" ? [3, 3] : []);
            pen.stroke();
            pen.fillStyle = theme.ink;
            pen.font = "bold 11px system-ui, sans-serif";
            pen.textAlign = "center";
            pen.textBaseline = "middle";
            pen.fillText(letter + (order.haste === "late" ? "!" : ""), x, y + 0.5);
            pen.restore();
        },
    });

    return { Mark, colours };
})();
