package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/broker/admin"
)

// ctlKeys works on the keys file itself, on the edge's machine: there is no call that makes keys.
func ctlKeys() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "Make API keys, in the edge's keys file"}
	var file, out, role string
	add := &cobra.Command{
		Use: "add NAME", Short: "Make a key: its digest goes to the keys file, the key is printed once or written to --out", Args: cobra.ExactArgs(1),
		Long: "Make a key. A running edge takes it within a second. To take a key back, remove its line from the keys file.",
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := admin.AddKey(file, args[0], admin.Role(role))
			if err != nil {
				return err
			}
			if out == "" {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
				return err
			}
			if err := admin.ReplaceFile(out, []byte(key+"\n")); err != nil {
				return fmt.Errorf("write the key: %w", err)
			}
			return nil
		},
	}
	add.Flags().StringVar(&file, "keys-file", "data/admin/keys.yaml", "the edge's keys file (admin.keys_file)")
	add.Flags().StringVar(&out, "out", "", "write the key to this file, which only its owner can read, instead of printing it")
	add.Flags().StringVar(&role, "role", string(admin.Viewer), "viewer or operator")
	cmd.AddCommand(add)
	return cmd
}
