/** The seed of a randomised test: `TEST_SEED` to run a failure again, otherwise a new one. Print it in the test's name. */
export function testSeed(): number {
  return Number(process.env.TEST_SEED ?? Date.now() % 2 ** 31)
}
