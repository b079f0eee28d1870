/** Runs `action` while no other process of this user runs one under the same name; others wait for their turn. */
export function withExclusive<T>(name: string, action: () => Promise<T>, onWait?: () => void): Promise<T>
