/** Calls a simulator as any client would: over HTTP, on the loopback address. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Simulator from "../../../src/simulator/Simulator.ts"

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** What the text says; `undefined` when it is no JSON. */
  readonly json: Body
}

/** Everything tests look at in answers. Which of it is there is theirs to check. */
export interface Body {
  readonly [index: number]: Entry
  readonly length: number
  readonly at: (index: number) => Entry | undefined
  readonly access_token: string
  readonly done: boolean
  readonly deletedRecords: ReadonlyArray<{ readonly id: string; readonly deletedDate: string }>
  readonly earliestDateAvailable: string
  readonly entities: { readonly [entity: string]: { readonly [id: string]: { readonly [field: string]: unknown } } }
  readonly error: string | undefined
  readonly errors: ReadonlyArray<unknown>
  readonly expires_in: unknown
  readonly faults: ReadonlyArray<object>
  readonly fields: ReadonlyArray<Field>
  readonly id: string
  readonly identity: string
  readonly ids: ReadonlyArray<string>
  readonly instance_url: string
  readonly issued_at: string
  readonly latestDateCovered: string
  readonly name: string
  readonly nextRecordsUrl: string
  readonly now: string
  readonly organization_id: string
  /** Read as not empty: a test that looks at a row that is not there fails. */
  readonly records: readonly [Row, ...Array<Row>]
  readonly refresh_token: string
  readonly requests: ReadonlyArray<{ readonly fault?: string }>
  readonly results: ReadonlyArray<{ readonly id: string; readonly version: string; readonly visibleAt: string }>
  readonly sobjects: ReadonlyArray<{
    readonly name: string
    readonly keyPrefix: string
    readonly replicateable: boolean
    readonly urls: { readonly describe: string }
  }>
  readonly success: boolean
  readonly token_type: string
  readonly totalSize: number
  readonly undeletable: boolean
  readonly [property: string]: unknown
}

/** Of an answer that is a list: a refusal, or a version. */
export interface Entry {
  readonly errorCode: string
  readonly message: string
  readonly label: string
}

export interface Field {
  readonly name: string
  readonly type: string
  readonly compoundFieldName: string | null
  readonly picklistValues: ReadonlyArray<object>
  readonly [property: string]: unknown
}

export interface Row {
  readonly attributes: { readonly type: string; readonly url: string }
  readonly Id: string
  readonly [field: string]: unknown
}

export interface Caller {
  readonly simulator: Simulator.Simulator
  /** With the initial token, unless the headers say otherwise. Fails when no whole answer comes. */
  readonly call: (path: string, init?: RequestInit) => Effect.Effect<Answer, Error>
  /** GET `/services/data/v66.0/query?q=`. */
  readonly query: (soql: string, kind?: "query" | "queryAll", batchSize?: number) => Effect.Effect<Answer, Error>
  /** All pages, one after the other. */
  readonly pages: (
    soql: string,
    kind?: "query" | "queryAll",
    batchSize?: number
  ) => Effect.Effect<ReadonlyArray<ReadonlyArray<Row>>, Error>
  readonly post: (path: string, body: unknown) => Effect.Effect<Answer, Error>
}

export const base = "/services/data/v66.0"

const parsed = (text: string): unknown => Result.getOrUndefined(Result.try(() => JSON.parse(text)))

export const over = (simulator: Simulator.Simulator): Caller => {
  const call: Caller["call"] = (path, init = {}) =>
    Effect.tryPromise({
      try: async (signal) => {
        const headers = { authorization: `Bearer ${simulator.token}`, ...init.headers }
        const response = await fetch(`${simulator.url}${path}`, { signal, ...init, headers })
        const text = await response.text()
        return { status: response.status, headers: response.headers, text, json: parsed(text) as Body }
      },
      catch: (cause) => new Error("no answer", { cause })
    })
  const query: Caller["query"] = (soql, kind = "query", batchSize = 2000) =>
    call(`${base}/${kind}?q=${encodeURIComponent(soql)}`, {
      headers: { "sforce-query-options": `batchSize=${batchSize}` }
    })
  const pages: Caller["pages"] = (soql, kind, batchSize) =>
    Effect.gen(function* () {
      let page = yield* query(soql, kind, batchSize)
      const all: Array<ReadonlyArray<Row>> = [page.json.records]
      while (page.json.done === false) {
        page = yield* call(page.json.nextRecordsUrl)
        all.push(page.json.records)
      }
      return all
    })
  const post: Caller["post"] = (path, body) => call(path, { method: "POST", body: JSON.stringify(body) })
  return { simulator, call, query, pages, post }
}

export const start = (options: Partial<Simulator.Options> = {}) =>
  Effect.map(Simulator.make({ seed: 7, accounts: 60, ...options }), over)

/** Runs with a simulator of these options, and ends it. */
export const run = <A, E>(
  options: Partial<Simulator.Options>,
  use: (caller: Caller) => Effect.Effect<A, E, Scope.Scope>
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.flatMap(start(options), use)))

export const ids = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => rows.map((row) => row.Id)

/** An Id's place in the order of the server: digits, small letters, capitals. Says it in its own way. */
export const idOrder = (a: string, b: string): number => {
  const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
  for (let at = 0; at < 15; at++) {
    const difference = letters.indexOf(a.charAt(at)) - letters.indexOf(b.charAt(at))
    if (difference !== 0) return difference
  }
  return 0
}
