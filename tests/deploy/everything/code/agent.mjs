console.log("never run")
