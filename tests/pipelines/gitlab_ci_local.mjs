// Runs gitlab-ci-local, whose main module is named first, for every line of standard input: a JSON
// list of arguments. Answers with one line: exit status, and what it said. Each run is a module of
// its own, as in a process of its own, which would start and compile everything anew.
import {createInterface} from "node:readline";

const main = process.argv[2];
const [write, exit] = [process.stdout.write.bind(process.stdout), process.exit.bind(process)];
let runs = 0;
let said = {};

for (const name of ["stdout", "stderr"]) {
    process[name].write = (text) => {
        said[name] += text;
        return true;
    };
}
// Each run listens for the signals that end a process.
process.setMaxListeners(0);
process.on("uncaughtException", (error) => {
    write(`${JSON.stringify({status: -1, stdout: "", stderr: String(error.stack)})}\n`, () => exit(1));
});

for await (const line of createInterface({input: process.stdin})) {
    said = {stdout: "", stderr: ""};
    process.argv = [process.execPath, main, ...JSON.parse(line)];
    const status = await new Promise((resolve, reject) => {
        process.exit = resolve;
        import(`${main}?${runs++}`).catch(reject);
    });
    write(`${JSON.stringify({status, ...said})}\n`);
}
