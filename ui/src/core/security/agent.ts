/** A browser's name from its User-Agent, roughly: enough to recognise one's own. */

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(Chrome|Chromium|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

export interface Device {
  /** "Firefox", or what a program calls itself; "" when nothing is known. */
  browser: string;
  system: string;
}

export function deviceOf(userAgent: string): Device {
  const find = (table: typeof BROWSERS): string => table.find(([pattern]) => pattern.test(userAgent))?.[1] ?? "";
  const browser = find(BROWSERS) || (/^[\w.-]{1,40}/.exec(userAgent)?.[0] ?? "");
  return { browser: browser === "Mozilla" ? "" : browser, system: find(SYSTEMS) };
}
