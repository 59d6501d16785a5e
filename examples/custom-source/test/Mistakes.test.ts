// Goal: the mistakes that the guide warns of are caught, by the laws that it names, with the words that it shows.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { type Law, verifySource } from "@tidemark/laws"
import { Duration, Effect, Layer, Stream } from "effect"
import * as fc from "fast-check"
import { HttpClient, HttpClientRequest } from "effect/http"
import * as fs from "node:fs"
import { describe, expect, it } from "vitest"
import * as ContactSource from "../src/ContactSource.ts"
import * as Directory from "./support/Directory.ts"

const guide = `${import.meta.dirname}/../../../docs/guides/your-own-source.md`

type Source = Effect.Success<ReturnType<typeof ContactSource.make>>

const records = fc.record({ name: fc.constantFrom("Ada", "Bo"), email: fc.constantFrom(null, "a@b.example") })
const lawsOf = (change: (source: Source) => Source, http = NodeHttpClient.layerUndici) =>
  verifySource({
    make: Effect.gen(function* () {
      const { token, upstream, url } = yield* Directory.make
      return { source: change(yield* ContactSource.make({ url, token, limit: 2 })), upstream }
    }),
    records,
    settle: 20,
    tick: 5,
    deletions: true,
    layer: http
  })

/** Asks for what was modified after a time, and leaves the id out. */
const stampsOnly = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(
    HttpClient.HttpClient,
    HttpClient.mapRequest((request) => {
      const after = new Map(request.urlParams.params).get("after")
      return after === undefined
        ? request
        : HttpClientRequest.setUrlParam(request, "after", String(after).split(",")[0]!)
    })
  )
).pipe(Layer.provide(NodeHttpClient.layerUndici))

const reading = (change: (pages: ReturnType<Source["read"]>) => ReturnType<Source["read"]>) => (source: Source) => ({
  ...source,
  read: (options: Parameters<Source["read"]>[0]) => change(source.read(options))
})

const broken = async (laws: ReadonlyArray<Law.Law>, id: string, seed: number): Promise<string> => {
  for (const law of laws.filter((law) => law.id === id)) {
    const told = await law.check({ seed, runs: 300 }).then(
      () => undefined,
      (error: Law.Broken) => error.message
    )
    if (told !== undefined) return told
  }
  return "kept"
}

describe("a mistake in a source", () => {
  it.each([
    ["the last page is the first", "L02", reading(Stream.take(1))],
    [
      "no settle",
      "L04",
      (source: Source) => ({ ...source, read: (options) => source.read({ ...options, settle: Duration.zero }) })
    ],
    [
      "deletions are left out",
      "W06",
      reading(
        Stream.map((page) => ({ ...page, observations: page.observations.filter(({ _tag }) => _tag !== "Delete") }))
      )
    ],
    [
      "a mark at the present",
      "L04",
      reading(
        Stream.map((page) =>
          page.mark === undefined
            ? page
            : { ...page, mark: { position: { ...page.mark.position, modified: page.mark.position.modified + 20 } } }
        )
      )
    ]
  ] satisfies ReadonlyArray<readonly [string, string, (source: Source) => Source]>)(
    "%s is caught by %s",
    async (_, id, change) => {
      expect(await broken(lawsOf(change), id, 1)).toContain(id)
    }
  )

  it("asking after a stamp that records share is caught by L03, in the words of the guide", async () => {
    const told = await broken(
      lawsOf((source) => source, stampsOnly),
      "L03",
      1
    )
    expect(fs.readFileSync(guide, "utf8")).toContain(told)
  })
})
