import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** New empty folder, removed when the test is over. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** New folder on a small disk of its own; a reason instead where this system does not let us mount one. */
export function newDisk(options: string): { folder: string } | { reason: string } {
  const folder = newFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' })
  } catch (error) {
    return { reason: `no small disk can be mounted here (${String(error).split('\n')[0]})` }
  }
  onTestFinished(() => {
    execFileSync('umount', [folder], { stdio: 'pipe' })
  })
  return { folder }
}
