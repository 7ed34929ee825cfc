// Types of what qr.js uses of vendor/lean-qr.mjs.
export const correction: { L: number; M: number; Q: number; H: number };
export const generate: (text: string, options: { minCorrectionLevel: number }) => { size: number; get(x: number, y: number): boolean };
