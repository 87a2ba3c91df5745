import { rcodeName } from '../wire/constants.js'
import type { Message } from '../wire/message.js'
import type { ResourceRecord } from '../wire/record.js'
import { absolute, recordText } from './record-text.js'

const OPCODES = ['QUERY', 'IQUERY', 'STATUS', 'RESERVED3', 'NOTIFY', 'UPDATE', 'DSO']

/** A message's sections, TTLs as they are to be shown. */
export interface Sections {
  readonly answers: readonly ResourceRecord[]
  readonly authority: readonly ResourceRecord[]
  readonly additional: readonly ResourceRecord[]
}

/** A reply as dig prints it. @throws {MalformedMessageError} a record can't be read */
export function replyText(message: Message, { answers, authority, additional }: Sections): string {
  const { edns, question } = message
  const extra = additional.length + (edns === null ? 0 : 1)
  const lines = [
    `;; ->>HEADER<<- opcode: ${OPCODES[message.opcode] ?? message.opcode}, status: ${rcodeName(message.rcode)}, id: ${message.id}`,
    `;; flags: ${flags(message)}; QUERY: ${question === null ? 0 : 1}, ANSWER: ${answers.length}, AUTHORITY: ${authority.length}, ADDITIONAL: ${extra}`,
  ]
  if (edns !== null) {
    lines.push(
      '',
      ';; OPT PSEUDOSECTION:',
      `; EDNS: version: ${edns.version}, flags:${edns.dnssecOk ? ' do' : ''}; udp: ${edns.udpPayloadSize}`,
    )
    for (const { code, text } of message.ede) lines.push(`; EDE: ${code}${text === '' ? '' : `: (${printable(text)})`}`)
  }
  if (question !== null)
    lines.push('', ';; QUESTION SECTION:', `;${absolute(question.name)}\t\t${question.class}\t${question.type}`)
  for (const [name, records] of [['ANSWER', answers], ['AUTHORITY', authority], ['ADDITIONAL', additional]] as const) {
    if (records.length > 0) lines.push('', `;; ${name} SECTION:`, ...records.map(recordText))
  } // prettier-ignore
  return `${lines.join('\n')}\n`
}

/** Text of others without what a terminal would act on (A24). */
export function printable(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?')
}

function flags(message: Message): string {
  const set = [
    message.isReply ? 'qr' : '',
    message.authoritative ? 'aa' : '',
    message.truncated ? 'tc' : '',
    message.recursionDesired ? 'rd' : '',
    message.recursionAvailable ? 'ra' : '',
    message.authenticData ? 'ad' : '',
    message.checkingDisabled ? 'cd' : '',
  ]
  return set.filter((flag) => flag !== '').join(' ')
}
