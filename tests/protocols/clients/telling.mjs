// What a client is asked to do, and how it tells what it sees: an object a line.
export const config = JSON.parse(process.argv[2]);

export const tell = (seen) => process.stdout.write(`${JSON.stringify(seen)}\n`);

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
