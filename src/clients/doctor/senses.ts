/** What the doctor perceives the world by. The adapter is `src/main/doctor/senses.ts`; every call is bounded in time. */

/** How a program ended. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The answer of a server to HEAD. */
export type Answered =
  | {
      readonly status: number
      /** Its Date header; undefined if it has none. */
      readonly dateMs: number | undefined
      /** This machine's clock while it answered. */
      readonly hereMs: number
    }
  | { readonly error: string }

/** Effects; none of them throws for what it finds. */
export interface Senses {
  /** Room on the file system that holds `path` or will hold it; undefined: it cannot be told. */
  room(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined>
  /** True if something accepts connections there. */
  listens(host: string, port: number): Promise<boolean>
  /** Asks as the node would, by way of the proxy that the environment names. */
  head(url: string): Promise<Answered>
  /** Runs a client; undefined: it cannot be run, or took too long. */
  run(program: string, args: readonly string[], folder: string): Promise<Ran | undefined>
  /** Whether builds can run contained on this machine: by what, or why not and what may be done. */
  sandbox(): Promise<{ readonly name: string } | { readonly reason: string; readonly advice: string }>
  /** Requests that the running node has had so far, by ecosystem. */
  requestCounts(): Promise<Readonly<Record<string, number>>>
}
