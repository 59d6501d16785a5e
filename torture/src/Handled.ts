/**
 * Judges what consumers say they handled, and what they made of it, by the events
 * that were to be handled and the records that are there.
 */

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A line of `events.jsonl`. */
export interface Event {
  readonly id: string
  readonly type: string
  readonly entity: string
  readonly key: string
  readonly revision: number
}

/** A line of `handled.jsonl`. */
export interface Line {
  readonly consumer: string
  readonly event: string
  readonly entity: string
  readonly key: string
  readonly revision: number
  readonly late: boolean
}

/** How a record stands: the last of its events, and how many there were. */
export interface Standing {
  readonly status: string
  readonly revision: number
  readonly events: number
}

type ByRecord<A> = { readonly [entity: string]: { readonly [id: string]: A } }

export interface History {
  /** In the order of their commits. */
  readonly events: ReadonlyArray<Event>
  /** In the order of their commits. */
  readonly handled: ReadonlyArray<Line>
  /** What the consumer keeps. */
  readonly projection: ByRecord<Standing>
  /** The records that are there. */
  readonly local: ByRecord<unknown>
}

/** Who is to handle each event. */
const consumer = "projection"

// -----------------------------------------------------------------------------
// judging
// -----------------------------------------------------------------------------

/** All that is wrong, in words. */
export const violations = (history: History): ReadonlyArray<string> => [
  ...outcomes(history),
  ...order(history.handled),
  ...standings(history),
  ...presence(history)
]

/** Every event is handled once by each consumer, and nothing else is. */
const outcomes = ({ events, handled }: History): ReadonlyArray<string> => {
  const known = new Map(events.map((event) => [event.id, event]))
  const consumers = Map.groupBy(handled, (line) => line.consumer)
  if (!consumers.has(consumer)) consumers.set(consumer, [])
  return [...consumers].flatMap(([name, lines]) => {
    const times = Map.groupBy(lines, ({ event }) => event)
    const missing = events.filter(({ id }) => !times.has(id)).map((event) => tell("Unhandled", event, name))
    const wrong = [...times].flatMap(([id, [line, ...again]]) => {
      const event = known.get(id)
      if (line === undefined) return []
      if (event === undefined) return [tell("HandledUnknown", line, name)]
      const isSame = event.entity === line.entity && event.key === line.key && event.revision === line.revision
      return [
        ...(isSame ? [] : [tell("HandledOther", line, name)]),
        ...(again.length === 0 ? [] : [tell("HandledTwice", line, name)])
      ]
    })
    return [...missing, ...wrong]
  })
}

/** The events of a record are handled in the order of their revisions, but for late ones. */
const order = (handled: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const last = new Map<string, number>()
  return handled.flatMap((line) => {
    const { consumer, entity, key, late, revision } = line
    if (late) return []
    const record = JSON.stringify([consumer, entity, key])
    const before = last.get(record) ?? 0
    last.set(record, Math.max(before, revision))
    return revision < before ? [tell("HandledOutOfOrder", line, consumer)] : []
  })
}

/** The projection is what the events say. */
const standings = ({ events, projection }: History): ReadonlyArray<string> => {
  const said = new Map<string, Standing>()
  for (const { entity, key, revision, type } of events) {
    const record = `${entity}/${key}`
    const { events: count, ...before } = said.get(record) ?? { events: 0, revision: 0, status: "" }
    const last = revision < before.revision ? before : { revision, status: type.slice(type.lastIndexOf("_") + 1) }
    said.set(record, { ...last, events: count + 1 })
  }
  const kept = new Map<string, Standing>(
    Object.entries(projection).flatMap(([entity, all]) =>
      Object.entries(all).map(([id, standing]) => [`${entity}/${id}`, standing] as const)
    )
  )
  return [...new Set([...said.keys(), ...kept.keys()])].flatMap((record) => {
    const [expected, found] = [said.get(record), kept.get(record)]
    return words(expected) === words(found)
      ? []
      : [`Projection ${record}: its events say ${words(expected)}, and the projection ${words(found)}`]
  })
}

const words = (one: Standing | undefined): string =>
  one === undefined ? "nothing" : `${one.status} ${one.revision} after ${one.events} events`

/** The projection knows as present what is there. */
const presence = ({ local, projection }: History): ReadonlyArray<string> =>
  [...new Set([...Object.keys(local), ...Object.keys(projection)])].flatMap((entity) => {
    const [kept, there] = [projection[entity] ?? {}, local[entity] ?? {}]
    return [...new Set([...Object.keys(kept), ...Object.keys(there)])].flatMap((id) => {
      const isKept = kept[id] !== undefined && kept[id].status !== "deleted"
      if (isKept === id in there) return []
      return [`Projection ${entity}/${id}: ${isKept ? "present, and is not there" : "absent, and is there"}`]
    })
  })

const tell = (
  kind: string,
  { entity, key, revision }: Pick<Event, "entity" | "key" | "revision">,
  name: string
): string => `${kind} ${entity}/${key}: the event of revision ${revision}, by ${name}`
