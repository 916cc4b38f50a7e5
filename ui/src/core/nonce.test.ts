import { afterEach, describe, expect, it } from "vitest";
import { styleNonce } from "./nonce.ts";

function page(nonce: string): void {
  const meta = document.createElement("meta");
  meta.name = "csp-nonce";
  meta.content = nonce;
  document.head.append(meta);
}

describe("styleNonce", () => {
  afterEach(() => {
    for (const meta of document.querySelectorAll("meta")) meta.remove();
  });

  it("is what the server put there, whatever it begins with", () => {
    page("__IrtSWGaGrq2eyyecT9lUI4");
    expect(styleNonce()).toBe("__IrtSWGaGrq2eyyecT9lUI4");
  });

  it("is nothing where no server did", () => {
    expect(styleNonce()).toBe("");
    page("__CSP_NONCE__");
    expect(styleNonce()).toBe("");
  });
});
