// Types of what qr.js uses of vendor/qrcode.mjs (the package's own declarations are for its CommonJS build).
export const qrcode: (
  typeNumber: number,
  errorCorrectionLevel: 'L' | 'M' | 'Q' | 'H',
) => { addData(text: string): void; make(): void; getModuleCount(): number; isDark(row: number, column: number): boolean };
