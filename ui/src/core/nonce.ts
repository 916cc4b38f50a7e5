const PLACEHOLDER = "__CSP_NONCE__";

/** The style nonce that the server put into the page; "" in development and tests. A nonce may begin with underscores. */
export function styleNonce(): string {
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
  return nonce === PLACEHOLDER ? "" : nonce;
}
