/**
 * What TypeScript's DOM library leaves out: the global scope of an AudioWorklet. For the type check of `src/web/*-worklet.js` only.
 */
declare const sampleRate: number;

declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  abstract process(inputs: Float32Array[][], outputs: Float32Array[][], parameters: Record<string, Float32Array>): boolean;
}

declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
