// What the driver was started with.
"use strict";

const [page_url, storage, executablePath, folder] = process.argv.slice(2);

module.exports = { page_url, storage, executablePath, folder };
