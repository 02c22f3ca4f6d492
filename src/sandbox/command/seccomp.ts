/**
 * A filter of system calls for steps, as a program of the kernel's classic BPF. It takes away what a namespace does not separate
 * (keyrings) and what builds never need but attacks on kernels do (bpf, io_uring, userfaultfd, perf, kexec). Pure. See seccomp(2).
 */

/** What the kernel calls a machine, where its calls are, and whether it has a second set of them that must be shut too. */
interface Machine {
  readonly auditArchitecture: number
  /** Calls from this number on are another set of the same; undefined: there is none. */
  readonly secondSet: number | undefined
  readonly refused: readonly number[]
}

/** The same numbers on every architecture since they were added. */
const REFUSED_EVERYWHERE = {
  ...{ io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427 },
}

const MACHINES: Readonly<Record<string, Machine>> = {
  x64: {
    auditArchitecture: 0xc000003e,
    secondSet: 0x40000000,
    refused: Object.values({
      ...{ add_key: 248, request_key: 249, keyctl: 250, kexec_load: 246, kexec_file_load: 320 },
      ...{ perf_event_open: 298, bpf: 321, userfaultfd: 323, ...REFUSED_EVERYWHERE },
    }),
  },
  arm64: {
    auditArchitecture: 0xc00000b7,
    secondSet: undefined,
    refused: Object.values({
      ...{ add_key: 217, request_key: 218, keyctl: 219, kexec_load: 104, kexec_file_load: 294 },
      ...{ perf_event_open: 241, bpf: 280, userfaultfd: 282, ...REFUSED_EVERYWHERE },
    }),
  },
}

const LOAD_WORD = 0x20
const JUMP_IF_EQUAL = 0x15
const JUMP_IF_AT_LEAST = 0x35
const RETURN = 0x06
const CALL_OFFSET = 0
const ARCHITECTURE_OFFSET = 4
const ALLOW = 0x7fff0000
/** With "operation not permitted", and "no such call", which programs know how to go on from. */
const REFUSE = 0x00050001
const UNKNOWN = 0x00050026

/** The filter for `architecture` (as in `process.arch`): instructions of 8 bytes; undefined where the calls are not known here. */
export function seccompFilter(architecture: string): Uint8Array | undefined {
  const machine = MACHINES[architecture]
  if (machine === undefined) return undefined
  const { auditArchitecture, secondSet, refused } = machine
  // code, steps to jump if it holds, steps if not, operand.
  const program: Array<readonly [number, number, number, number]> = [
    [LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET],
    [JUMP_IF_EQUAL, 1, 0, auditArchitecture],
    [RETURN, 0, 0, UNKNOWN],
    [LOAD_WORD, 0, 0, CALL_OFFSET],
  ]
  if (secondSet !== undefined) program.push([JUMP_IF_AT_LEAST, 0, 1, secondSet], [RETURN, 0, 0, UNKNOWN])
  for (const call of refused) program.push([JUMP_IF_EQUAL, 0, 1, call], [RETURN, 0, 0, REFUSE])
  program.push([RETURN, 0, 0, ALLOW])
  const bytes = Buffer.alloc(program.length * 8)
  program.forEach(([code, holds, not, operand], at) => {
    bytes.writeUInt16LE(code, at * 8)
    bytes.writeUInt8(holds, at * 8 + 2)
    bytes.writeUInt8(not, at * 8 + 3)
    bytes.writeUInt32LE(operand, at * 8 + 4)
  })
  return bytes
}
