import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/globalSetup.ts"],
    // The server of the run works as well, beside the files that talk to it.
    maxWorkers: 2,
    silent: "passed-only",
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
