// Copyright 2026 The FAMDA authors
// SPDX-License-Identifier: Apache-2.0
'use strict';

const UNLABELLED = 255, LABELLED_ALPHA = 150, SUGGESTED_ALPHA = 55, HATCH = 8, STEP = 8, REST_MS = 100;
const $ = id => document.getElementById(id);
const image = $('image'), labels = $('labels'), hover = $('hover');
let session, index = -1, frame = null, label = 0, tool = 'mask', suggested = true, zoom = 0;
let cursor = null, pointed = -1, line = null, queue = Promise.resolve(), loads = 0;
let part = {at: -1, pixels: null}, resting = 0;  // what the decoder would take at a pixel; null: not known yet

function say(state, text) {
  document.body.dataset.state = state;
  $('state').textContent = text ?? state;
}

async function ask(path, values) {
  let answer;
  try {
    answer = await fetch(path, values === undefined ? {} : {
      method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(values),
    });
  } catch {
    throw new Error('famda annotate has ended; start it again, with --port to keep this address');
  }
  const read = await answer.json();
  if (!answer.ok) throw new Error(read.error);
  return read;
}

// Ids are read as they are stored: no colour management, no alpha.
async function pixels(text) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const options = {colorSpaceConversion: 'none', premultiplyAlpha: 'none'};
  const bitmap = await createImageBitmap(new Blob([bytes], {type: 'image/png'}), options);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', {willReadFrequently: true});
  context.drawImage(bitmap, 0, 0);
  return new Uint32Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
}
const lowByte = words => Uint8Array.from(words, word => word & 255);
const lowBytes = words => words.map(word => word & 0xffffff);

async function decoded(read) {
  const found = {...read, labels: lowByte(await pixels(read.labels)), pieces: lowBytes(await pixels(read.pieces))};
  found.split = lowByte(await pixels(read.split));
  if (read.suggestion) found.suggestion = lowByte(await pixels(read.suggestion));
  return found;
}

const coming = new Map();  // place → promise of [frame, picture], so that the next frame is there when it is wanted
function fetched(place) {
  if (!coming.has(place)) {
    const picture = new Image();
    picture.src = `/frames/${place}/image`;
    const both = Promise.all([ask(`/frames/${place}`).then(decoded), picture.decode().then(() => picture)]);
    both.catch(() => coming.delete(place));
    coming.set(place, both);
    while (coming.size > 4) coming.delete(coming.keys().next().value);
  }
  return coming.get(place);
}

async function open(place) {
  if (place < 0 || place >= session.frames.length) return;
  const load = ++loads;
  await queue;
  say('loading');
  try {
    const [read, picture] = await fetched(place);
    if (load !== loads) return;
    coming.delete(place);  // it changes from now on
    [index, frame, cursor, pointed, line] = [place, read, null, -1, null];
    clearTimeout(resting);
    for (const canvas of [image, labels, hover]) [canvas.width, canvas.height] = [frame.width, frame.height];
    image.getContext('2d').drawImage(picture, 0, 0, frame.width, frame.height);
    location.replace(`#${session.frames[place].stem}`);
    for (const [number, button] of [...$('frames').children].entries())
      button.setAttribute('aria-current', String(number === place));
    $('frames').children[place].scrollIntoView({block: 'nearest'});
    fit();
    show();
    say('saved');
    if (place + 1 < session.frames.length) fetched(place + 1).catch(() => {});
  } catch (error) {
    say('error', error.message);
  }
}

function act(action, values = {}) {
  const place = index;
  if (!frame) return;
  say('saving');
  queue = queue.then(async () => {
    try {
      const read = await decoded(await ask(`/frames/${place}/${action}`, values));
      session.frames[place].labelled = read.labelled;
      if (place === index) {
        frame = {...frame, ...read};
        show();
      }
      say('saved');
    } catch (error) {
      say('error', `not saved: ${error.message}`);
      if (place === index) show();
    }
  });
}

function show() {
  const {width, height, suggestion} = frame, ids = frame.labels, colors = session.space.colors;
  const picture = new ImageData(width, height), words = new Uint32Array(picture.data.buffer);
  const packed = colors.map(([r, g, b]) => (b << 16 | g << 8 | r) >>> 0);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const id = ids[at];
      if (id !== UNLABELLED) {
        const edge = x + 1 < width && ids[at + 1] !== id || y + 1 < height && ids[at + width] !== id;
        words[at] = (packed[id] | (edge ? 255 : LABELLED_ALPHA) << 24) >>> 0;
      } else if (suggested && suggestion[at] !== UNLABELLED) {
        const alpha = (x + y) % HATCH < 2 ? 2.2 * SUGGESTED_ALPHA : SUGGESTED_ALPHA;
        words[at] = (packed[suggestion[at]] | alpha << 24) >>> 0;
      }
    }
  labels.getContext('2d').putImageData(picture, 0, 0);
  pointed = -1;
  part = {at: -1, pixels: null};
  point();
  const shares = session.frames.map(one => one.labelled);
  session.frames.forEach((one, place) => {
    $('frames').children[place].querySelector('i b').style.width = `${100 * one.labelled}%`;
  });
  $('stem').textContent = session.frames[index].stem;
  $('share').textContent = `${(100 * session.frames[index].labelled).toFixed(0)} % labelled`;
  $('count').textContent = `${shares.filter(share => share > 0).length} of ${shares.length} frames labelled`;
  for (const [name, can] of Object.entries({
    undo: frame.undo, redo: frame.redo, previous: index > 0, next: index + 1 < shares.length,
    accept: session.suggested, clear: session.frames[index].labelled > 0,
  })) document.querySelector(`[data-do=${name}]`).disabled = !can;
}

function point() {
  const {width, height, pieces} = frame, context = hover.getContext('2d');
  const at = cursor && Math.floor(cursor.y) * width + Math.floor(cursor.x), inMask = cursor && tool === 'mask';
  const splits = inMask && frame.split[at] > 0;
  if (splits && part.at !== at) look(at);
  const known = splits ? part.pixels : pieces, piece = !inMask || !known ? -1 : splits ? 1 : pieces[at];
  const what = splits ? `${at} ${Boolean(known)}` : piece;
  if (tool !== 'mask' || what !== pointed) {
    const picture = new ImageData(width, height), words = new Uint32Array(picture.data.buffer);
    if (piece >= 0)
      for (let i = 0; i < known.length; i++)
        if (known[i] === piece) {
          const inside = known[i - 1] === piece && known[i + 1] === piece && known[i - width] === piece
            && known[i + width] === piece;
          words[i] = inside ? 0x46ffffff : 0xffffffff;
        }
    context.putImageData(picture, 0, 0);
    pointed = what;
  }
  if (cursor) {
    const id = frame.labels[at], classes = session.space.classes, hint = frame.suggestion[at];
    $('pointed').textContent = id !== UNLABELLED ? classes[id]
      : hint !== UNLABELLED ? `${classes[hint]} (suggested)` : 'not labelled';
    if (splits && !known) $('pointed').textContent += ` · ${session.splitter} looks for a part`;
    if (tool !== 'mask') brush(context);
  }
}

// Asks what the decoder would take, once the pointer rests.
function look(at) {
  const place = index, asked = {at, pixels: null};
  part = asked;
  clearTimeout(resting);
  resting = setTimeout(async () => {
    try {
      const read = await ask(`/frames/${place}/part?x=${at % frame.width}&y=${Math.floor(at / frame.width)}`);
      asked.pixels = lowByte(await pixels(read.part));
      if (part === asked && place === index) point();
    } catch (error) {
      if (part === asked) say('error', error.message);
    }
  }, REST_MS);
}

function brush(context) {
  const color = tool === 'brush' ? `rgb(${session.space.colors[label].join(' ')} / .75)` : 'rgb(255 255 255 / .75)';
  context.lineWidth = 2 * radius();
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = context.fillStyle = color;
  if (line) {
    context.beginPath();
    for (const [x, y] of line) context.lineTo(x, y);
    context.stroke();
  }
  context.beginPath();
  context.arc(cursor.x, cursor.y, radius(), 0, 2 * Math.PI);
  line ? context.fill() : 0;
  context.lineWidth = Math.max(1, frame.width / stage().width);
  context.strokeStyle = '#fff';
  context.stroke();
}

const stage = () => $('stage').getBoundingClientRect();
const radius = () => Number($('radius').value);

function move(x, y) {
  cursor = {x: Math.min(Math.max(x, 0), frame.width - 1), y: Math.min(Math.max(y, 0), frame.height - 1)};
  point();
}

function follow(event) {
  const box = hover.getBoundingClientRect();
  move((event.clientX - box.left) * frame.width / box.width, (event.clientY - box.top) * frame.height / box.height);
}

function press(whole = false, remove = false) {
  const [x, y] = [Math.floor(cursor.x), Math.floor(cursor.y)];
  act('click', {x, y, label: remove ? UNLABELLED : label, whole});
}

function draw() {
  act('stroke', {points: line, radius: radius(), label: tool === 'brush' ? label : UNLABELLED});
  line = null;
}

hover.addEventListener('pointermove', event => {
  if (!frame) return;
  follow(event);
  if (line) {
    line.push([cursor.x, cursor.y]);
    point();
  }
});
hover.addEventListener('pointerdown', event => {
  if (!frame) return;
  follow(event);
  const remove = event.button === 2;
  if (tool === 'mask') return press(event.shiftKey, remove);
  if (remove) return;
  hover.setPointerCapture(event.pointerId);
  line = [[cursor.x, cursor.y]];
  point();
});
hover.addEventListener('pointerup', () => line && draw());
hover.addEventListener('pointercancel', () => { line = null; });
hover.addEventListener('pointerleave', () => { if (frame && !line) { cursor = null; point(); $('pointed').textContent = ''; } });
hover.addEventListener('contextmenu', event => event.preventDefault());

function fit() {
  const room = $('scroll').getBoundingClientRect();
  const whole = Math.min((room.width - 24) / frame.width, (room.height - 24) / frame.height);
  const scale = Math.max(whole, 0.05) * 1.25 ** zoom;
  $('stage').style.width = `${Math.floor(frame.width * scale)}px`;
  $('stage').style.height = `${Math.floor(frame.height * scale)}px`;
}
addEventListener('resize', () => frame && fit());
$('scroll').addEventListener('wheel', event => {
  if (!event.ctrlKey || !frame) return;
  event.preventDefault();
  larger(event.deltaY < 0 ? 1 : -1);
}, {passive: false});
function larger(by) {
  zoom = Math.min(Math.max(zoom + by, 0), 12);
  fit();
}

function choose(kind, number) {
  if (kind === 'label') {
    if (number < 0 || number >= session.space.classes.length) return;
    label = number;
  } else tool = number;
  [...$('classes').children].forEach((button, i) => button.setAttribute('aria-checked', String(i === label)));
  for (const button of $('tools').children) button.setAttribute('aria-checked', String(button.dataset.tool === tool));
  if (frame) {
    pointed = -1;
    point();
  }
}
function size(by) {
  $('radius').value = radius() + by;
  $('pixels').value = radius();
  if (frame) point();
}
$('radius').addEventListener('input', () => size(0));

const doings = {
  undo: () => frame?.undo && act('undo'), redo: () => frame?.redo && act('redo'),
  previous: () => open(index - 1), next: () => open(index + 1),
  accept: () => session.suggested && act('accept'), clear: () => act('clear'),
};
for (const button of document.querySelectorAll('[data-do]'))
  button.addEventListener('click', () => { doings[button.dataset.do](); hover.focus(); });
for (const button of $('tools').children) button.addEventListener('click', () => choose('tool', button.dataset.tool));

const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const keys = {
  m: () => choose('tool', 'mask'), b: () => choose('tool', 'brush'), e: () => choose('tool', 'eraser'),
  '[': () => size(-1), ']': () => size(1), n: doings.next, p: doings.previous, PageDown: doings.next,
  PageUp: doings.previous, Enter: doings.accept, Delete: doings.clear,
  s: () => { suggested = !suggested; show(); }, h: () => document.body.classList.toggle('plain'),
  '+': () => larger(1), '-': () => larger(-1), f: () => larger(-zoom), '.': () => choose('label', label + 1),
  ',': () => choose('label', label - 1),
};
addEventListener('keydown', event => {
  if (!frame || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  let done = true;
  if (event.ctrlKey || event.metaKey) {
    if (key === 'y' || key === 'z' && event.shiftKey) doings.redo();
    else if (key === 'z') doings.undo();
    else done = false;
  } else if (/^Digit\d$/.test(event.code)) {
    choose('label', (Number(event.code[5]) + 9) % 10 + (event.shiftKey ? 10 : 0));
  } else if (key in arrows && document.activeElement !== $('radius')) {
    const by = event.shiftKey ? 1 : STEP, [x, y] = arrows[key];
    const from = cursor ?? {x: frame.width / 2, y: frame.height / 2};
    move(from.x + by * x, from.y + by * y);
  } else if (key === ' ' && document.activeElement.tagName !== 'BUTTON') {
    if (!cursor) move(frame.width / 2, frame.height / 2);
    if (tool === 'mask') press(event.shiftKey);
    else {
      line = [[cursor.x, cursor.y]];
      draw();
    }
  } else if (key in keys && !(key === 'Enter' && document.activeElement.tagName === 'BUTTON')) keys[key]();
  else done = false;
  if (done) event.preventDefault();
});

async function begin() {
  try {
    session = await ask('/session');
  } catch (error) {
    return say('error', error.message);
  }
  const splitter = session.splitter ? `decoder of ${session.splitter}` : 'superpixels';
  $('folder').textContent = `${session.folder} · ${session.space.name} · ${session.masks}, split by ${splitter}`;
  session.space.classes.forEach((name, number) => {
    const button = document.createElement('button'), color = document.createElement('i');
    const text = document.createElement('span'), key = document.createElement('kbd');
    button.setAttribute('role', 'radio');
    color.style.background = `rgb(${session.space.colors[number]})`;
    text.textContent = name;
    key.textContent = `${number >= 10 ? '⇧' : ''}${(number + 1) % 10}`;
    button.append(color, text, ...(number < 20 ? [key] : []));
    button.addEventListener('click', () => { choose('label', number); hover.focus(); });
    $('classes').append(button);
  });
  session.frames.forEach((one, place) => {
    const button = document.createElement('button'), picture = document.createElement('img');
    const text = document.createElement('span'), share = document.createElement('i');
    picture.loading = 'lazy';
    picture.alt = '';
    picture.src = `/frames/${place}/thumbnail`;
    text.textContent = one.stem;
    share.append(document.createElement('b'));
    button.append(picture, text, share);
    button.addEventListener('click', () => { open(place); hover.focus(); });
    $('frames').append(button);
  });
  choose('label', 0);
  const named = session.frames.findIndex(one => one.stem === decodeURIComponent(location.hash.slice(1)));
  const first = named >= 0 ? named : session.frames.findIndex(one => one.labelled === 0);
  await open(Math.max(first, 0));
}
begin();
