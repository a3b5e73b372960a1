// What the page says: sizes, times, and what went wrong in words a person can act on.

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en", { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

/** A number of bytes as people read it. */
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB"];
  let value = count, unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number.format(unit === 0 ? value : Math.max(value, 0.1))} ${units[unit]}`;
}

/** A moment, given in milliseconds since 1970: the time of today, the day of any other. */
export function moment(millis) {
  const then = new Date(millis);
  return then.toDateString() === new Date().toDateString() ? clock.format(then) : calendar.format(then);
}

/** Why a file cannot be uploaded at all, or null. */
export function refusal(file, rules) {
  if (!rules.types.some((known) => known.type === file.type)) {
    return `Files of this type are not taken. Choose ${list(rules.types.map((known) => known.label))}.`;
  }
  if (file.size === 0) {
    return "The file is empty. Choose one with something in it.";
  }
  if (file.size > rules.max_bytes) {
    return `The file has ${bytes(file.size)}; the most is ${bytes(rules.max_bytes)}. Choose a smaller one.`;
  }
  return null;
}

/** Something that went wrong, and whether the same permission to upload can be used again. */
export class Trouble extends Error {
  constructor(message, { code = "", fresh = false } = {}) {
    super(message);
    this.code = code;
    this.fresh = fresh;
  }
}

/** What the storage's refusal means for the user. `text` is its XML. */
export function storageTrouble(status, text) {
  const code = element(text, "Code");
  const says = element(text, "Message");
  switch (code) {
    case "EntityTooLarge":
    case "EntityTooSmall":
      return new Trouble("The storage refused the file: it is not as long as was announced. Choose it again.", { code, fresh: true });
    case "AccessDenied":
      return /expired/i.test(says)
        ? new Trouble("The permission to upload has expired. Try again to get a new one.", { code, fresh: true })
        : new Trouble("The storage refused the upload: it is not the one the server has signed. Try again.", { code, fresh: true });
    case "SignatureDoesNotMatch":
      return new Trouble("The storage refused the upload: the permission was changed on the way. Try again.", { code, fresh: true });
    case "RequestTimeTooSkewed":
      return new Trouble("The storage refused the upload: the server's clock is wrong. Tell its operator.", { code, fresh: true });
    case "FileAlreadyExists":
      return new Trouble("The file has arrived already.", { code });
  }
  if (status >= 500 || status === 429) {
    return new Trouble("The storage is busy. Try again in a moment.", { code });
  }
  return new Trouble(`The storage refused the upload (${code || status}). Try again.`, { code, fresh: true });
}

/** The connection broke, as far as the browser tells. */
export function brokenConnection() {
  const where = navigator.onLine === false ? "You are offline." : "The connection to the storage broke.";
  return new Trouble(`${where} Try again.`, { code: "connection" });
}

function element(xml, name) {
  const document = new DOMParser().parseFromString(xml, "application/xml");
  return document.querySelector(name)?.textContent ?? "";
}

function list(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
