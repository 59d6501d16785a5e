import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { verifySink } from "@tidemark/laws"
import { Effect, FileSystem, Schema } from "effect"
import { describe, it } from "vitest"
import * as FolderSink from "../src/FolderSink.ts"

const Contact = Schema.Struct({ name: Schema.String, email: Schema.NullOr(Schema.String) })
const sink = Effect.gen(function* () {
  const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
  return yield* FolderSink.make({ directory, schema: Contact })
}).pipe(Effect.provide(NodeFileSystem.layer))

describe("FolderSink", () => {
  for (const law of verifySink({ schema: Contact, sink })) it(law.name, () => law.check())
})
