"""Run DynamoDB Local on 127.0.0.1 alone: its own main program listens on every interface and has no option for it.

In a process of its own, in the jar's folder; the port, then flags of the virtual machine.
"""

import sys

import jpype


def main(port: str, *flags: str) -> None:
    jpype.startJVM(*flags, "-Djava.library.path=./DynamoDBLocal_lib", classpath=["DynamoDBLocal.jar"])
    runner = jpype.JClass("software.amazon.dynamodb.services.local.main.ServerRunner")
    proxy = runner.createServerFromCommandLineArgs(["-inMemory", "-disableTelemetry", "-port", port])
    server = proxy.getClass().getDeclaredField("server")
    server.setAccessible(True)
    for connector in server.get(proxy).getConnectors():
        connector.setHost("127.0.0.1")
    proxy.start()
    proxy.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
