/** Bytes of all pieces together. */
export function sizeOfPieces(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((n, piece) => n + piece.byteLength, 0)
}

/** The pieces one after another. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(sizeOfPieces(pieces))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.byteLength
  }
  return bytes
}
