/** `ClientFiles` in memory, for tests of `src/clients/`. */
import type { ClientFiles, FoundFile } from '../../src/clients/files.ts'

/** The files, and the texts that a test puts there or looks at. */
export interface MemoryFiles extends ClientFiles {
  /** The text of a file; undefined if there is none. */
  text(path: string): string | undefined
  /** Puts a file there, or takes it away. */
  put(path: string, text: string | undefined): void
  /** Paths of all files, sorted. */
  paths(): string[]
}

/** No files yet. */
export function memoryFiles(): MemoryFiles {
  const files = new Map<string, FoundFile>()
  return {
    read: async (path) => files.get(path),
    async write(path, bytes, mode) {
      files.set(path, { bytes: Uint8Array.from(bytes), mode: files.get(path)?.mode ?? mode })
    },
    async remove(path) {
      files.delete(path)
    },
    missingFolders: async () => [],
    list: async (folder) =>
      [...files.keys()].filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1)),
    isProgram: async (path) => files.has(path),
    text(path) {
      const found = files.get(path)
      return found === undefined ? undefined : Buffer.from(found.bytes).toString('utf8')
    },
    put(path, text) {
      if (text === undefined) files.delete(path)
      else files.set(path, { bytes: Buffer.from(text, 'utf8'), mode: 0o640 })
    },
    paths: () => [...files.keys()].sort(),
  }
}
