export { collectRanges } from './candidate-bitmap';
export { halfByteTables, input, oneTimeKey, pieceSize, rangeLimit, ranges, tag, windowSize } from './memory-layout';
export { finishPoly1305, startPoly1305, updatePoly1305 } from './poly1305';
export { scan, scanSerially } from './rabin-scan';
