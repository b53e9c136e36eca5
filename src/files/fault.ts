import { type ErrorCode, LetheError } from '../errors.js'

/** Code of a system error (`ENOENT`, `ENOSPC` …), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Coded error for a read that failed: `not-found` where there is nothing, `unreadable` otherwise. */
export function readFault(error: unknown, path: string): LetheError {
  const code = systemCode(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return fault('not-found', `There is no file "${path}".`, path, error)
  if (code === 'EISDIR') return fault('unreadable', `"${path}" is a folder, expected a file.`, path, error)
  if (code === 'EACCES' || code === 'EPERM') {
    return fault('unreadable', `"${path}" may not be read: permission denied.`, path, error)
  }
  return fault('unreadable', `"${path}" cannot be read (${code ?? String(error)}).`, path, error)
}

/** Coded error for a write that failed: `disk-full` where there is no room left, `unwritable` otherwise. */
export function writeFault(error: unknown, path: string): LetheError {
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const cause = code === 'ENOSPC' ? 'the disk is full' : 'the disk quota is used up'
    return fault('disk-full', `No room to write "${path}": ${cause}. Nothing was left half-written.`, path, error)
  }
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'its folder does not exist; create it first',
    ENOTDIR: 'a part of its path is a file, not a folder',
    EISDIR: 'a folder is in its place; choose another name',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the disk is read-only',
  }
  const reason = reasons[code ?? ''] ?? code ?? String(error)
  return fault('unwritable', `"${path}" cannot be written: ${reason}.`, path, error)
}

function fault(code: ErrorCode, message: string, path: string, cause: unknown): LetheError {
  return new LetheError(code, message, { path, system: systemCode(cause) }, { cause })
}
