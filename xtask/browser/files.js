// Files to upload.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const zlib = require("node:zlib");

const { folder } = require("./given.js");

/** Files that are too large for the browser's protocol; they are removed at the end. */
const files = path.join(folder, "files");

function text(name, length, mimeType = "text/plain") {
  return { name, mimeType, buffer: Buffer.alloc(length, "All work and no play. ") };
}

function pdf(name) {
  return { name, mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4\n%%EOF\n") };
}

/** A large file, on disk. */
function big(name, length, begin = "") {
  const file = path.join(files, name);
  fs.mkdirSync(files, { recursive: true });
  fs.writeFileSync(file, Buffer.alloc(length, begin || "x"));
  return file;
}

/** A PNG of 320 × 240 pixels: a sky, a sun and water, turned by `hue` degrees. */
function picture(name, hue) {
  const [width, height] = [320, 240];
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const sun = Math.max(0, 1 - Math.hypot(x - 220, y - 90) / 70);
      const water = y > 150 ? 0.5 + 0.12 * Math.sin(y * 0.9 + Math.sin(x * 0.06) * 3) : 1 - y / 420;
      const angle = (hue + y * 0.35) * (Math.PI / 180);
      for (let c = 0; c < 3; c += 1) {
        const tint = 0.62 + 0.3 * Math.cos(angle - c * 2.1);
        rows[y * (width * 3 + 1) + 1 + x * 3 + c] = Math.min(255, 255 * (tint * water + sun * 0.8));
      }
    }
  }
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(zlib.crc32 ? zlib.crc32(body) : crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = [chunk("IHDR", header), chunk("IDAT", zlib.deflateSync(rows)), chunk("IEND", Buffer.alloc(0))];
  return { name, mimeType: "image/png", buffer: Buffer.concat([signature, ...chunks]) };
}

/** For versions of Node.js whose zlib has none. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function remove_files() {
  fs.rmSync(files, { recursive: true, force: true });
}

module.exports = { big, pdf, picture, remove_files, text };
