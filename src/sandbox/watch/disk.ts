/**
 * What a job's tree takes on the disk. Counting a tree is dear, so it is counted again only when the file system has filled up by a
 * part of what the job may still take, or a while has passed.
 */
import { execFile } from 'node:child_process'
import { statfsSync, statSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'

/** Counts a job's tree. */
export interface DiskWatch {
  /** The file system's number, as in `stat`. */
  readonly device: number
  /** Bytes that the tree took when last counted; counts again if it may have grown beyond the limit since. */
  look(): Promise<number>
  /** Counts now. */
  count(): Promise<number>
}

const COUNT_AGAIN_MS = 5_000
const PATH = '/usr/bin:/bin'

/** Watches the tree at `root`. */
export function createDiskWatch(root: string, diskBytes: number, clock: Clock): DiskWatch {
  const atFirst = usedBytes(root)
  let last = { treeBytes: 0, usedBytes: atFirst, atMs: clock.monotonicMs() }
  const count = async (): Promise<number> => {
    const used = usedBytes(root)
    const counted = await countTree(root)
    // What was hidden from the count is as much as the whole file system has grown by, at most.
    const treeBytes = counted.isWhole ? counted.sizeBytes : Math.max(counted.sizeBytes, used - atFirst)
    last = { treeBytes, usedBytes: used, atMs: clock.monotonicMs() }
    return last.treeBytes
  }
  return {
    device: statSync(root).dev,
    count,
    async look() {
      const grownBytes = usedBytes(root) - last.usedBytes
      const due = clock.monotonicMs() - last.atMs > COUNT_AGAIN_MS
      return due || grownBytes > (diskBytes - last.treeBytes) / 2 ? await count() : last.treeBytes
    },
  }
}

function usedBytes(path: string): number {
  const { blocks, bfree, bsize } = statfsSync(path)
  return (blocks - bfree) * bsize
}

/** What is really taken: holes count nothing. Files that vanish meanwhile are no error; a folder that cannot be read hides something. */
function countTree(root: string): Promise<{ readonly sizeBytes: number; readonly isWhole: boolean }> {
  return new Promise((resolve) => {
    execFile('du', ['-sxk', '--', root], { env: { PATH, LC_ALL: 'C' }, cwd: '/' }, (_error, stdout, stderr) => {
      const sizeBytes = (Number.parseInt(stdout, 10) || 0) * 1024
      resolve({ sizeBytes, isWhole: !stderr.includes('ermission denied') })
    })
  })
}
