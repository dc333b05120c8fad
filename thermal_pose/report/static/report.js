// SPDX-License-Identifier: Apache-2.0
// The replay: draws the sheet's frames through the colour table, with skeleton and phase.
"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const data = JSON.parse(element("film-data").textContent);
  const player = element("player"), canvas = element("film"), slider = element("film-slider");
  const playButton = element("film-play"), skeleton = element("film-skeleton");
  const phaseText = element("film-phase"), timeText = element("film-time");
  const head = document.querySelector("#film-strip .head"), strip = element("film-strip");
  const plots = document.querySelectorAll(".plot"), signals = document.querySelector(".signals");
  const { width, height, times } = data, last = times.length - 1;
  const colours = Uint8Array.from(atob(data.colours), (c) => c.charCodeAt(0));
  const scale = Math.max(4, Math.round(640 / width));  // drawn larger: smooth skeleton, sharp pixels
  const small = document.createElement("canvas");
  const sheet = new Image();
  const fixed = (value) => value.toFixed(2).replace(".", data.mark);
  let index = 0, playing = false, clock = 0, wanted = 0;

  small.width = width; small.height = height;
  canvas.width = width * scale; canvas.height = height * scale;
  const pen = canvas.getContext("2d"), source = small.getContext("2d", { willReadFrequently: true });

  const drawImage = () => {
    const x = (index % data.columns) * width, y = Math.floor(index / data.columns) * height;
    source.drawImage(sheet, x, y, width, height, 0, 0, width, height);
    const pixels = source.getImageData(0, 0, width, height), p = pixels.data;
    for (let i = 0; i < p.length; i += 4) {
      const c = 3 * p[i];
      p[i] = colours[c]; p[i + 1] = colours[c + 1]; p[i + 2] = colours[c + 2];
    }
    source.putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  };

  // Odd joints from 1 are left, even ones from 2 right; 0 is the nose.
  const side = (joint) => (joint === 0 ? "#ffffff" : joint % 2 ? "#56c8ff" : "#8fe36b");

  const drawSkeleton = () => {
    const joints = data.joints[index];
    if (!joints || !skeleton.checked) return;
    pen.lineCap = "round";
    for (const [a, b] of data.limbs) {
      const ends = [joints[2 * a], joints[2 * a + 1], joints[2 * b], joints[2 * b + 1]];
      if (ends.some((v) => v === null)) continue;
      // Pixel (0, 0) is the centre of the first pixel: half a pixel inside the canvas.
      const [x1, y1, x2, y2] = ends.map((v) => (v / 10 + 0.5) * scale);
      for (const [colour, thick] of [["rgba(0,0,0,.55)", 0.95], [side(a) === side(b) ? side(a) : "#ffffff", 0.5]]) {
        pen.strokeStyle = colour; pen.lineWidth = thick * scale;
        pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke();
      }
    }
  };

  const draw = () => {
    drawImage();
    drawSkeleton();
    const name = data.names[data.phases[index]], time = times[index];
    phaseText.textContent = name;
    timeText.textContent = `${fixed(time).replace("-", "\u2212")} s \u00b7 ${fill(data.words.frame, { n: index + 1, all: last + 1 })}`;
    slider.value = index;
    slider.setAttribute("aria-valuetext", fill(data.words.moment, { time: fixed(time), name }));
    head.style.left = `${(100 * (time - times[0])) / Math.max(times[last] - times[0], 1e-3)}%`;
    const place = (100 * (time - data.axis[0])) / (data.axis[1] - data.axis[0]);
    for (const plot of plots) {
      const cursor = plot.querySelector(".cursor");
      cursor.style.left = `${place}%`;
      cursor.style.visibility = place < 0 || place > 100 ? "hidden" : "visible";
    }
    player.dataset.index = index;
  };

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (mark, name) => values[name]);
  const show = (next) => { index = Math.min(last, Math.max(0, next)); draw(); };
  const nearest = (time) => times.reduce((best, t, i) => (Math.abs(t - time) < Math.abs(times[best] - time) ? i : best), 0);
  const pause = () => {
    playing = false; playButton.textContent = data.words.play; playButton.setAttribute("aria-pressed", "false");
    cancelAnimationFrame(wanted);
  };
  const tick = (now) => {
    const speed = Number(element("film-speed").value);
    while (index < last && now - clock >= (1000 * (times[index + 1] - times[index])) / speed) {
      clock += (1000 * (times[index + 1] - times[index])) / speed;
      index += 1;
    }
    draw();
    if (index >= last) pause(); else wanted = requestAnimationFrame(tick);
  };
  const play = () => {
    if (index >= last) index = 0;
    playing = true; playButton.textContent = data.words.pause; playButton.setAttribute("aria-pressed", "true");
    clock = performance.now(); wanted = requestAnimationFrame(tick);
  };
  const toggle = () => (playing ? pause() : play());
  const go = (next) => { pause(); show(next); };
  const share = (event, box) => (event.clientX - box.left) / box.width;

  playButton.addEventListener("click", toggle);
  element("film-back").addEventListener("click", () => go(index - 1));
  element("film-next").addEventListener("click", () => go(index + 1));
  slider.addEventListener("input", () => go(Number(slider.value)));
  skeleton.addEventListener("change", draw);
  strip.addEventListener("click", (event) => {
    go(nearest(times[0] + share(event, strip.getBoundingClientRect()) * (times[last] - times[0])));
  });
  for (const plot of plots) {
    plot.addEventListener("click", (event) => {
      go(nearest(data.axis[0] + share(event, plot.getBoundingClientRect()) * (data.axis[1] - data.axis[0])));
    });
  }
  for (const jump of document.querySelectorAll(".jump")) {
    jump.addEventListener("click", () => go(times.findIndex((t) => t >= Number(jump.dataset.time))));
  }
  player.addEventListener("keydown", (event) => {
    const target = event.target, typing = target.tagName === "SELECT";
    if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
    const steps = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last };
    if (event.key in steps) go(steps[event.key]);
    // On a button or a box the space bar is theirs.
    else if (event.key === " " && (target === slider || target === canvas)) toggle();
    else return;
    event.preventDefault();
  });
  canvas.tabIndex = 0;
  canvas.addEventListener("click", toggle);
  sheet.addEventListener("load", () => { if (signals) signals.classList.add("has-cursor"); show(0); player.dataset.ready = "true"; });
  sheet.src = data.sheet;
})();
