export const IS_MAC: boolean = /Mac|iPhone|iPad/.test(navigator.userAgent);
