/**
 * What the machine's own pip fetches: one process of it, which reads pip's configuration (index, certificates, proxy) and asks with pip's own
 * session. So a benchmark reaches the index as this machine's user does, and no other way.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** What pip is asked for: the page of a project, or a URL that a page names. It is written to `to`. */
export type PipWant = ({ readonly page: string } | { readonly url: string }) & { readonly to: string }

/** A running pip. */
export interface PipSession {
  /** The status of the reply; the body lies in `to` if it is 200. @throws Error if pip cannot ask */
  fetch(want: PipWant): Promise<number>
  close(): void
}

const PROGRAM = `
import json, os, sys
from pip._internal.commands import create_command
command = create_command("download")
options, _ = command.parse_args(["nothing"])
with command.main_context():
    session = command.get_default_session(options)
    for line in sys.stdin:
        want = json.loads(line)
        try:
            url = want.get("url") or options.index_url.rstrip("/") + "/" + want["page"] + "/"
            accept = "*/*" if "url" in want else "application/vnd.pypi.simple.v1+json"
            reply = session.get(url, headers={"Accept": accept, "Accept-Encoding": "identity"})
            if reply.status_code == 200:
                with open(want["to"] + ".part", "wb") as file:
                    file.write(reply.content)
                os.rename(want["to"] + ".part", want["to"])
            print(json.dumps({"status": reply.status_code}), flush=True)
        except Exception as error:
            print(json.dumps({"error": type(error).__name__}), flush=True)
`

/** Starts it; what is asked at once is answered one after the other. */
export function startPip(): PipSession {
  const child: ChildProcess = spawn('python3', ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting: ((line: string | undefined) => void)[] = []
  if (child.stdout === null) throw new Error('pip has no output')
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line))
  child.once('close', () => {
    for (const answer of waiting.splice(0)) answer(undefined)
  })
  return {
    async fetch(want) {
      const line = await new Promise<string | undefined>((resolve) => {
        waiting.push(resolve)
        child.stdin?.write(`${JSON.stringify(want)}\n`)
      })
      const reply =
        line === undefined ? { error: 'it ended' } : (JSON.parse(line) as { status?: number; error?: string })
      if (reply.status === undefined) throw new Error(`pip cannot fetch: ${reply.error}`)
      return reply.status
    },
    close: () => void child.stdin?.end(),
  }
}
