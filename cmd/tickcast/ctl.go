package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// adminKeyFile is where `tickcast up` keeps its operator's key unless its data folder is another.
const adminKeyFile = "data/admin/operator.key"

func newCtl() *cobra.Command {
	a := &adminCaller{}
	cmd := &cobra.Command{
		Use: "ctl", Short: "Operate an edge over its admin port: see and disconnect clients, ban, drain",
		Long: "Operate an edge over its admin port.\n\nThe API key is read from --key-file, or else from the environment variable TICKCAST_ADMIN_KEY, or else from " + adminKeyFile + ".",
	}
	cmd.PersistentFlags().StringVar(&a.url, "url", "http://127.0.0.1:18083", "the admin port")
	cmd.PersistentFlags().StringVar(&a.keyFile, "key-file", "", "file with the API key")
	cmd.PersistentFlags().BoolVar(&a.json, "json", false, "print the API's answer instead of a table")
	cmd.AddCommand(ctlClients(a), ctlKick(a), ctlSubscriptions(a), ctlTopics(a), ctlRetained(a), ctlSlow(a), ctlBan(a), ctlUnban(a), ctlBanned(a), ctlStats(a), ctlDrain(a), ctlAudit(a), ctlKeys())
	return cmd
}

// key finds the API key. It is never taken from the command line, which every user of the machine can read.
func (a *adminCaller) key() (string, error) {
	file := a.keyFile
	if file == "" {
		if k := os.Getenv("TICKCAST_ADMIN_KEY"); k != "" {
			return k, nil
		}
		file = adminKeyFile
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", errors.New("no API key: give --key-file or set TICKCAST_ADMIN_KEY (" + err.Error() + ")")
	}
	if k := strings.TrimSpace(string(b)); k != "" {
		return k, nil
	}
	return "", errors.New("no API key: " + file + " is empty")
}
